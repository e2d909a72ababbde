# Go into the folder sos_part; stop with "e" unless it is ours, for nobody else to write to.
#
#   sos_uid     who we are
#
# Where another user may write to the folder around it, they may put a link in its place, which is seen here; but
# nothing in it, and it cannot be moved elsewhere: ".." is where it was made.
cd "$sos_part" && set -- $(ls -ldn .) && case "$1 $3" in
drwx--[-S]---" $sos_uid"|drwx--[-S]---[.+@]" $sos_uid");;
*)false
esac || {
echo e
exit
}
