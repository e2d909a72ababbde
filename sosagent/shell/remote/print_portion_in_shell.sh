# Print a portion of the output that the receiver holds in p as it is, and a dot, without any tool. Exits with 9.
#
#   sos_size   64 bytes are skipped this many times
#   sos_most   its most bytes
i=0
k='????????????????'
k=$k$k$k$k
# shellcheck disable=SC2295  # k is a pattern
while [ $i -lt $sos_size ]; do
p=${p#$k}
i=$((i+1))
done
printf %.$sos_most"s." "$p"
exit 9
