# Enter the folder sos_part; print "e" and stop if other users may write to it.
#
#   sos_uid     our user id
#
# A user who may write to the parent folder can replace sos_part with a link. The comparison of names detects that,
# unless the link leads to a folder of ours with the same name. That user cannot put anything into our folder, nor
# move it to another place: ".." stays the folder in which it was made.
set --
cd -P "$sos_part" && [ "${PWD##*/}" = "${sos_part##*/}" ] && set -- $(ls -ldn .)
case "$1 $3" in
drwx--[-S]---" $sos_uid"|drwx--[-S]---[.+@]" $sos_uid");;
*)echo e
exit
esac
