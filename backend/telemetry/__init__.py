"""Telemetry: what the machine and its cards do, read in a child process because a driver may hang or crash its caller.

probe.py   the Protocol of a vendor's cards
nvidia.py  NVIDIA cards through NVML; the only file that imports pynvml
host.py    processor, memory, disk, network; the only file here that imports psutil
sensor.py  the child's main: one JSON line a sample; PROBES is the list of vendors
child.py   the handle of that child: next sample within a deadline
retries.py when a sensor that hung or crashed is tried again (pure)

A further vendor is one file and one line in PROBES. AMD and Apple have none yet: their cards are not shown, rather
than guessed.
"""
