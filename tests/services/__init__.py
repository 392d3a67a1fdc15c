"""The real services that tests stand on: where they come from, how they start, and what this machine could not get.

In order of preference: what `DHO_TEST_DATABASE_URL` and `DHO_TEST_MQTT_URL` name; a container engine; on Debian as root, Debian's own
packages. `provide.py` fetches (`make services`), the fixtures start, `catalogue.py` knows what is there.
"""
