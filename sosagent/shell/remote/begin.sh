# Make the folder sos_part for what comes, never through a link.
umask 77
[ -h "$sos_part" ] && rm -f "$sos_part"
[ -d "$sos_part" ] || {
rm -f "$sos_part"
mkdir "$sos_part"
}
