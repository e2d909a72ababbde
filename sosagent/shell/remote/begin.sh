# Make the part file sos_part anew, for nobody else to read, never through a link. Prints "o" when it is there.
umask 77
rm -f "$sos_part"
(set -C;: >"$sos_part") && echo o
