"""Tests as sentences.

`pure` does no input or output, `stored` has real databases, `live` a real broker, processes and browser, `drills` kill and restart.
"""
