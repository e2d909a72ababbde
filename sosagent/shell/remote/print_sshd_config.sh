# Print the lines of sshd's configuration files that read_sshd_config.sh examines, from the usual place on Linux.
cd /etc/ssh && grep -hisE '^[^#a-z]*(mat|au|al|de|permitr|pu|in)' sshd_config sshd_config.d/*
