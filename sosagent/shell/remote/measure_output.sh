# Report what the receiver holds in p, the output of the program before this one, and what can print portions of it.
#
# Prints "STATUS CRC LENGTH" of that program and its output, and "61" if print_portion.sh works here. r is still the
# status of the program before; if that is 9, p is not its output.
echo $r $(sos_sum "$p")
k=$({
echo aa | tail -c +2 | head -c 1 | od -An -v -tx1
} 2>/dev/null)
echo $k
exit 9
