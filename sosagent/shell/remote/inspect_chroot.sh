# Print what sshd examines about ChrootDirectory (session.c, safely_chroot).
#
#   sos_text    the folder
#   sos_part    the account's shell
#
# Prints ls -ldnL of the folder and of each folder above it, and "x" if the shell can be run inside.
p=$sos_text
while ls -ldnL "$p" && [ "${p#/}" ]; do
p=${p%/*}
p=${p:-/}
done
[ -x "$sos_text$sos_part" ] && echo x
