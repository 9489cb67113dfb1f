"""What the worker mains share.

control.py     commands in: poll between steps, answer, SIGTERM
checkpoint.py  commit a checkpoint, find the newest one that verifies
"""
