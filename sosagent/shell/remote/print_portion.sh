# Print a portion of the output that the receiver holds in p, in hexadecimal. Exits with 9, so that p stays.
#
#   sos_first  its first byte, counted from 1
#   sos_most   its most bytes
# tail and printf may complain that head has ended.
{
printf %s "$p" | tail -c +$sos_first | head -c $sos_most | od -An -v -tx1
} 2>/dev/null
exit 9
