# Report the result of inspect_keys.sh, and pass on the settings of sshd. Runs after inspect_keys.sh.
#
#   stdin       the output of print_sshd_settings.sh; read last, so that sshd works meanwhile
#
# Prints the same as read_sshd_config.sh, where PLAIN is p if sshd reads ~/.ssh/authorized_keys.
sos_elsewhere=x
while read -r l; do
printf '%s\n' "$l"
case "$l " in
*"keysfile .ssh/authorized_keys "*) sos_elsewhere=
esac
done
echo s ${sos_elsewhere:-p}$sos_odd $sos_was $z $k
