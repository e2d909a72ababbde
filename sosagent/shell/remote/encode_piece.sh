# Print a piece of a file as text, compressed if that is shorter. A short one never is.
#
#   sos_copy    commands that print the piece
#   sos_pack    command that compresses, or cat
#   sos_format  commands that turn bytes into text
#
# Prints "z" (compressed) or "r", followed by the text.
o=$($sos_copy | $sos_format)
i=
[ ${#o} -gt 99 ] && i=$($sos_copy | $sos_pack | $sos_format)
if [ "$i" ] && [ ${#i} -lt ${#o} ]; then
echo z$i
else
echo r$o
fi
