# The receiver: takes programs over a bad line, runs each at most once, and answers in frames.
#
# The start line (shell/start.py) evaluates it once its checksum is right, and leaves it
#   t             the tty modes as they were found
# The client puts in front
#   sos_seconds   after so long the dead-man's switch closes everything
#   sos_patience  so long one program may run
# A program finds
#   p             the program that ran before it
#
# It reads    )TEXT             a portion of a program
#             ]N CRC LENGTH     run what was collected, if this is the checksum of N and the program
#             ]Z                put everything back and end
# It prints   =R                it is up
#             :TEXT             a line of a program's output
#             =N STATUS CRC LENGTH   end of the output; the checksum of "N STATUS OUTPUT"
#             =Z                all is put back
# N counts the programs that ran. A request that is damaged, or not the next one, changes nothing:
# it is answered with the reply of the last one that ran, whose N tells.
# No backslash may stand in this file: the start line checks it with echo.

x=
n=0

# After $1 seconds do $2, unless ended by TERM; takes its sleep with it. For the background only.
sos_after() {
trap 'kill $!;exit' 15
sleep $1 & wait $! && eval "$2"
}

# The dead-man's switch. Where this shell leads a process group it ends the group, else the shell.
sos_after $sos_seconds "stty $t<&1;kill -9 -$$ $$" & sos_switch=$!

# The start line's idle time-out has done its duty.
stty min 1
echo =R
while read -r l; do
case $l in
')'*) x=$x${l#?};;
']Z') break;;
']'*) [ "$l" = "]$n $(printf %s "$n$x"|cksum)" ] && {
n=$((n+1))
# The program, with a watchdog. A background job's input is /dev/null, so it cannot eat the line.
o=$( (eval "$x") 2>&1 & sos_program=$!
sos_after $sos_patience "kill -9 $sos_program" >&- 2>&- & wait $sos_program
r=$?
kill $!
exit $r)
r=$?
p=$x
}
x=
# Without a newline at its end, so that an empty output is no line; some seds then add one.
printf %s "$o" | sed s/^/:/
echo
echo "=$n $r $(printf %s "$n $r $o"|cksum)"
esac
done
kill $sos_switch
wait $sos_switch
stty $t
echo =Z
exit
