# Print a piece of a file as text, packed where that makes it shorter.
#
#   sos_copy    commands that print the piece
#   sos_pack    what packs it; cat where nothing does
#   sos_form    commands that make text of bytes
#
# Prints "z" if it is packed, else "r", and the text behind it.
o=$($sos_copy | $sos_form)
i=$($sos_copy | $sos_pack | $sos_form)
if [ ${#i} -lt ${#o} ]; then
echo z$i
else
echo r$o
fi
