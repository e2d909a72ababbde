# What there is to turn bytes into text with, and back. Each is tried: some are there and do not work.
#
#   sos_decoders, sos_encoders   commands, as words
#
# Prints "d N" and "e N", which is the first that works, from 0, or how many there are; "z" if there is gzip.
n=0
for p in $sos_decoders; do
[ "$(printf c29zYWdlbnQ= | eval "$p" 2>/dev/null)" = sosagent ] && break
n=$((n+1))
done
echo d $n
n=0
for p in $sos_encoders; do
[ "$(printf sosagent | eval "$p" 2>/dev/null)" = c29zYWdlbnQ= ] && break
n=$((n+1))
done
echo e $n
[ "$(printf sosagent | gzip -c 2>/dev/null | gzip -dc 2>/dev/null)" = sosagent ] && echo z
