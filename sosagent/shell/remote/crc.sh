# cksum as a function, for machines without the program: prints "CRC LENGTH" of its input (POSIX, cksum).
# The shell computes it from the bytes as od or hexdump prints them. No single quote and no backslash may be used here.
#
#   sos_alphabet   the characters of printable ASCII in their order, but the backslash
#
# Without od and hexdump, the shell reads text. Then each byte that is not a newline or printable ASCII counts as 255.

# Print the bytes of the input like od, in lines of "OFFSET BYTE...", where a byte is 0+DECIMAL.
dump(){
k=x
while [ "$k" ]; do
t=
IFS= read -r l || k=
while [ "$l" ]; do
r=${l#?}
h=${l%"$r"}
l=$r
i=${sos_alphabet%%"$h"*}
i=$((${#i}+32))
[ $i -gt 91 ] && i=$((i+1))
[ $i -gt 126 ] && case $h in
[#-~])i=92;;
*)i=255
esac
t="$t 0+$i"
done
[ "$k" ] && t="$t 0+10"
echo 0 $t
done
}

# Process the byte h, each half after the other. 79764919 is the polynomial.
step(){
for p in $((h>>4)) $((h&15)); do
p=$((x>>28&15^p))
x=$((x<<4&m^(p&1)*79764919^(p&2)*79764919^(p&4)*79764919^(p&8)*79764919))
done
}

cksum(){
{
{
od -Ax -v -tx1 || hexdump -v -C || dump
} && echo z
} 2>&- | {
x=0
n=0
z=
m=$((-1+(1<<31<<1)))
while read o l; do
z=$o
for h in ${l%%"|"*}; do
h=$((0x$h))
n=$((n+1))
step
done
done
i=$n
while [ $i -gt 0 ]; do
h=$((i&255))
i=$((i>>8))
step
done
x=$((x^m))
# A shell with numbers of 32 bits has a sign in front of half of them.
[ $x -lt 0 ] && {
p=$((x>>1&2147483647))
p=$((p/5))
x=$p$((x-p*10))
}
[ "$z" = z ] && echo $x $n
}
}
