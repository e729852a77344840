# What the unit of the Debian package has other than deploy/systemd/fanfare.service: the place of the
# program, a file of settings, and a user that is always there, so that files with keys can be given to
# it. Installing is the package's part.
1,/^$/c\
# Fanfare as a service of systemd. Settings are in /etc/fanfare/fanfare.toml; a line FANFARE_… in\
# /etc/default/fanfare wins over it. To change the unit itself: `systemctl edit fanfare`.\

s|^ExecStart=/usr/local/bin/fanfare$|ExecStart=/usr/bin/fanfare|
s|^Environment=FANFARE_DATA_DIR=%S/fanfare$|&\nEnvironment=FANFARE_CONFIG=/etc/fanfare/fanfare.toml|
s|^DynamicUser=yes$|User=fanfare|
s|: no user of its own, no capability|: no capability|
s|^# systemd gives the folder to the user of each start, and nobody else may read it\.$|# Nobody else may read it.|
