"""`python3 main.py demo`: the main job from data to drift alert, driven through the real window with real clicks.

story.py    the steps, in order, each printing what it measured
hand.py     finds what a person would see and clicks it
traffic.py  a steady stream of real requests to an endpoint
"""

from console.demo.story import main

__all__ = ["main"]
