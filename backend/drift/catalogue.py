"""Every drift detector, in the order shown. The first decides; the others are evidence."""

from backend.drift.detector import Detector
from backend.drift.jensen_shannon import JensenShannon
from backend.drift.psi import PopulationStability

DETECTORS: tuple[Detector, ...] = (PopulationStability(), JensenShannon())
