#!/bin/sh
# Runs Mosquitto, gives the service its own account, and has the broker read the accounts again whenever they change.
set -eu
accounts=/mosquitto/accounts/passwords
umask 027
[ -e "$accounts" ] || : > "$accounts"
mosquitto_passwd -b "$accounts" dho "$(cat /run/secrets/mqtt_password)"

mosquitto -c /mosquitto/config/mosquitto.conf & broker=$!
trap 'kill -TERM "$broker"' TERM INT
seen=$(cksum "$accounts")
while kill -0 "$broker" 2>/dev/null; do
    sleep 1 & wait "$!" || true
    now=$(cksum "$accounts")
    if [ "$now" != "$seen" ]; then kill -HUP "$broker"; seen=$now; fi
done
wait "$broker"
