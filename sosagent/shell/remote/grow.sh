# Append a piece to the part file, if that is as long as it must be: so nothing is there twice.
#
#   sos_size    how long it must be
#   sos_copy    commands that print the piece
#
# Prints "n LENGTH", how long it is now.
[ "$(wc -c <part)" -eq $sos_size ] && { $sos_copy; } >>part
echo n $(wc -c <part)
