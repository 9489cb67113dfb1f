"""Telemetry: what the machine and its cards do, read in a child process because a driver may hang or crash its caller.

probe.py   the Protocol of a vendor's cards
nvidia.py  NVIDIA cards and their MIG slices through NVML; with the next one the only files that import pynvml
nvidia_power.py  a child's main: the power limit of a card, read or set
amd.py     AMD cards through AMD SMI, where it is installed; the only file that imports amdsmi
apple.py   Apple's GPUs through the system's registry
host.py    processor, memory, disk, network; the only file here that imports psutil
sensor.py  the child's main: one JSON line a sample; PROBES is the list of vendors
child.py   the handle of that child: next sample within a deadline
texts.py   what a vendor's own program prints, such as nvidia-smi
retries.py when a sensor that hung or crashed is tried again (pure)

A further vendor is one file and one line in PROBES. A vendor that is missing says nothing; one that is broken is left
alone for a while, and the others go on.
"""
