"""Drills: real processes are killed, databases and brokers stopped, tablets wake all at once; nothing may be lost or doubled.

`fleet.py` is the tablets, `homes.py` who has them and what they measure, `reckoning.py` compares what was sent with what became of it.
"""
