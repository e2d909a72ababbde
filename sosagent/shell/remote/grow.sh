# Append a piece to the part file sos_part, if that is as long as it must be: so nothing is there twice.
#
#   sos_size    how long it must be
#   sos_copy    commands that print the piece
#
# Prints "n LENGTH", how long it is now.
[ -h "$sos_part" ] || {
[ "$(wc -c <"$sos_part")" -eq $sos_size ] && { $sos_copy; } >>"$sos_part"
}
echo n $(wc -c <"$sos_part")
