"""The commands of `dho`, one file per group. `dho/__main__.py` names them and imports each only when it is asked for."""
