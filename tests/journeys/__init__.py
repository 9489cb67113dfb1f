"""Whole stories on a real daemon with real workers: what must survive, and what must not get in.

full_disk.py            a home on a full file system of its own (run inside a user namespace)
house.py                a home with hostile names, a live endpoint and an open umask
test_cockpit.py         the run page by hand; where each item of UI.md 13 around it is tested
test_console_killed.py  the window is ended with SIGKILL mid-run and opened again
test_daemon_killed.py   the daemon is killed twenty times while a fast run goes on
test_full_disk.py       starts full_disk.py where the system allows it
test_hostile.py         names, paths, permissions and secrets of house.py
test_optimized.py       the door under python -O
test_settings_under_way.py  settings change at a checkpoint, survive a kill, and are forked
test_story.py           the main job through the real window
test_worker_killed.py   a training is stopped, killed and resumed through the daemon, to the same bits
"""
