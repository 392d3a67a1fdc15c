"""Tests as sentences: pure (no input or output), stored (real databases), live (real broker, processes, browser), drills (kill and restart)."""
