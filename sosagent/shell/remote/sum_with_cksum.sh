# The checksum of a request or a reply, on a machine with cksum. Runs in front of receiver.sh.

# Print the checksum of $1 and its length.
sos_sum(){
printf %s "$1" | cksum
}
