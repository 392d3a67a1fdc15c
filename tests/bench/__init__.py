"""How fast, how late, how large: measured next to its limits in the same run. `make bench`, or `make bench ARGS=--quick`."""
