# What sshd says of the user is passed on. Runs after look.sh.
#
#   stdin       the lines that sshd.sh prints; they are read last, so that sshd works meanwhile
#
# Prints what look.sh found, as plain.sh does: PLAIN is p if the file that sshd reads is ~/.ssh/authorized_keys.
sos_elsewhere=x
while read -r l; do
printf '%s\n' "$l"
case "$l " in
*"keysfile .ssh/authorized_keys "*) sos_elsewhere=
esac
done
echo s ${sos_elsewhere:-p}$sos_odd $sos_was $z $k
