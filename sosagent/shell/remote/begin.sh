# Make the folder sos_part for what comes, never through a link.
umask 77
[ -d "$sos_part" ] && [ ! -h "$sos_part" ] || {
rm -f "$sos_part"
mkdir "$sos_part"
}
