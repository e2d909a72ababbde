# Append a piece to the part file if it has the expected length, so that no piece is appended twice.
#
#   sos_size    expected length
#   sos_copy    commands that print the piece
#
# Prints "n LENGTH", the new length.
[ "$(wc -c <part)" -eq $sos_size ] && { $sos_copy; } >>part
echo n $(wc -c <part)
