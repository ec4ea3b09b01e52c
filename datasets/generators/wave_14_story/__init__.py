"""The story of wave_14: five waves of the fleet of Brackenfield Software, 13 and 14 April 2026."""

from __future__ import annotations

from . import wave_10, wave_11, wave_12, wave_13, wave_14

WAVES = [wave_10.WAVE, wave_11.WAVE, wave_12.WAVE, wave_13.WAVE, wave_14.WAVE]
