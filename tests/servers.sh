#!/usr/bin/env bash
# Private PostgreSQL and MariaDB servers for the tests.
#
#     tests/servers.sh start  [DIR]   starts what does not run yet, then prints two lines on stdout:
#                                         PTAH_TEST_POSTGRES=postgres://user:password@127.0.0.1:PORT/postgres
#                                         PTAH_TEST_MARIADB=mysql://user:password@127.0.0.1:PORT/
#     tests/servers.sh status [DIR]   prints the lines of those that run; exits 1 unless both do
#     tests/servers.sh stop   [DIR]   stops both and keeps their data
#
# Data, logs, ports and sockets live in DIR, by default $PTAH_TEST_SERVERS or a directory in $TMPDIR.
# Several processes may call `start` at once. The servers outlive the caller, listen on 127.0.0.1 only
# and take one fixed user who may do everything: anybody on this machine can log in, and as a
# database superuser act as the servers' user, so keep nothing there but tests.
#
# For speed their data does not survive a power cut. PTAH_TEST_DURABLE=1 when they start keeps the
# servers' own durable settings.
#
# As root on Debian it installs servers that are missing with apt-get, and always runs them as an
# unprivileged user. Otherwise it uses those in PATH and the usual places, or says what to install.
#
# Does not start, stop, configure or read the configuration of the system's own servers, and does not
# delete a database: to begin afresh, stop the servers and remove DIR.
set -euo pipefail

login=ptah
password=ptah
patience=60 # seconds until both must accept connections

say() { printf 'servers: %s\n' "$*" >&2; }
die() {
    say "$@"
    exit 1
}

is_root() { [ "$(id -u)" -eq 0 ]; }

# --- Where the programs are -----------------------------------------------------------------------

# Prints the first of the given directories that holds every program named before `--`.
dir_with() {
    local programs=() dir program
    while [ "$1" != -- ]; do
        programs+=("$1")
        shift
    done
    shift
    for dir in "$@"; do
        for program in "${programs[@]}"; do [ -x "$dir/$program" ] || continue 2; done
        printf '%s\n' "$dir"
        return
    done
    return 1
}

# The first of the given names that is a program in directory $1 or in PATH.
program() {
    local dir=$1 name
    shift
    for name in "$@"; do
        if [ -x "$dir/$name" ]; then
            printf '%s\n' "$dir/$name"
            return
        fi
        command -v "$name" && return
    done
    return 1
}

# Sets pg_bin, pg_psql and pg_home, or fails.
find_postgres() {
    local dirs=() found
    IFS=: read -r -a dirs <<<"$PATH"
    while read -r found; do dirs+=("$found"); done < <(compgen -G '/usr/lib/postgresql/*/bin' | sort -rV || :)
    while read -r found; do dirs+=("$found"); done < <(
        for glob in /usr/pgsql-*/bin /usr/libexec/postgresql* /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin; do
            printf '%s\n' "$glob"
        done
    )
    pg_bin=$(dir_with postgres initdb -- "${dirs[@]}") || return
    pg_psql=$(program "$pg_bin" psql) || return
    pg_home=$dir/postgres-$("$pg_bin/postgres" -V | sed 's/^[^0-9]*\([0-9]*\).*/\1/')
}

# Sets maria_server, maria_install, maria_client and maria_home, or fails.
find_mariadb() {
    local dirs=() found
    IFS=: read -r -a dirs <<<"$PATH"
    dirs+=(/usr/sbin /usr/libexec /usr/local/sbin /usr/local/mysql/bin /opt/homebrew/opt/mariadb/bin /usr/local/opt/mariadb/bin)
    if found=$(dir_with mariadbd -- "${dirs[@]}"); then
        maria_server=$found/mariadbd
    elif found=$(dir_with mysqld -- "${dirs[@]}"); then
        maria_server=$found/mysqld
    else
        return 1
    fi
    found=$("$maria_server" --no-defaults --version) || return
    [[ $found =~ Ver\ ([0-9]+\.[0-9]+).*MariaDB ]] || return
    maria_home=$dir/mariadb-${BASH_REMATCH[1]}
    found=${maria_server%/*}
    maria_install=$(program "$found" mariadb-install-db mysql_install_db) || return
    maria_client=$(program "$found" mariadb mysql) || return
}

# Debian's packages of the bare servers: those for MariaDB bring no service, and PostgreSQL's
# is kept from creating a cluster, so that no system server comes to life.
install_missing() {
    local conf=/etc/postgresql-common/createcluster.conf
    export DEBIAN_FRONTEND=noninteractive
    local apt=(apt-get -y -q -o DPkg::Lock::Timeout=300 install --no-install-recommends)
    if ! apt-cache show postgresql mariadb-server >/dev/null 2>&1; then apt-get -q update; fi
    if ! find_postgres; then
        say "installing postgresql"
        "${apt[@]}" postgresql-common || { apt-get -q update && "${apt[@]}" postgresql-common; }
        (
            cp -p "$conf" "$conf.ptah"
            trap 'mv "$conf.ptah" "$conf"' EXIT
            trap 'exit 1' INT TERM HUP
            echo 'create_main_cluster = false' >>"$conf"
            "${apt[@]}" postgresql
        )
    fi
    if ! find_mariadb; then
        local packages
        packages=$(apt-cache depends --recurse --important mariadb-server |
            grep -xE 'mariadb-(server|client)-core(-[0-9.]+)?' | sort -u | tr '\n' ' ')
        say "installing $packages"
        # shellcheck disable=SC2086 # package names are words
        "${apt[@]}" $packages || { apt-get -q update && "${apt[@]}" $packages; }
    fi
}

find_servers() {
    find_postgres && find_mariadb && return
    if is_root && command -v apt-get >/dev/null; then install_missing >&2 </dev/null; fi
    find_postgres || die "no PostgreSQL server and client found: apt-get install postgresql, or brew install postgresql"
    find_mariadb || die "no MariaDB server and client found: apt-get install mariadb-server, or brew install mariadb"
}

# --- One server -----------------------------------------------------------------------------------
# A server has a home: data/, port, log. `kind` is postgres or mariadb.

# The user to run the server of kind $1 as; the servers refuse root.
server_user() {
    local user
    if ! is_root; then
        id -un
        return
    fi
    case $1 in postgres) user=postgres ;; mariadb) user=mysql ;; esac
    id "$user" >/dev/null 2>&1 || user=nobody
    printf '%s\n' "$user"
}

# Sets `as`, the words to put before a command that is to run as the server's user.
set_as() {
    local user
    user=$(server_user "$1")
    if ! is_root; then
        as=(env)
    elif command -v setpriv >/dev/null; then
        as=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --clear-groups -- env)
    elif command -v runuser >/dev/null; then
        as=(runuser -u "$user" -- env)
    else
        # shellcheck disable=SC2016 # for the inner shell
        as=(su -s /bin/sh "$user" -c 'exec "$@"' -- sh env)
    fi
    as+=(LC_ALL=C)
}

pid_file() {
    case $1 in postgres) printf '%s\n' "$2/data/postmaster.pid" ;; mariadb) printf '%s\n' "$2/data/mariadb.pid" ;; esac
}

# Prints the process in the pid file if it is really the server of home $2: after a kill the
# number may belong to another.
running_pid() {
    local pid words
    pid=$(head -n 1 "$(pid_file "$1" "$2")" 2>/dev/null) && [[ $pid =~ ^[0-9]+$ ]] || return
    if [ -d /proc/self ]; then
        words=$(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline") || return
    else
        words=$(ps -ww -o args= -p "$pid") || return
    fi
    [[ $words == *"$2/data"* ]] && printf '%s\n' "$pid"
}

port_of() { cat "$1/port" 2>/dev/null || echo 0; }

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Keeps the port of the last time, if it is free. Below the range that systems give to outgoing connections.
choose_port() {
    local port try
    port=$(port_of "$1")
    for try in {1..100}; do
        if [ "$port" -ne 0 ] && [ "$try" -le 99 ] && ! listening "$port"; then
            printf '%s\n' "$port" >"$1/port"
            return
        fi
        port=$((20000 + RANDOM % 12000))
    done
    die "found no free port"
}

# Whether the server of home $2 lets the tests' user in, and is no stranger on the same port.
answers() {
    local port home=$2 data
    port=$(port_of "$home")
    [ "$port" -ne 0 ] || return
    case $1 in
    postgres)
        data=$(env -i "PATH=$PATH" "PGPASSWORD=$password" PGCONNECT_TIMEOUT=5 "$pg_psql" -XAtq -h 127.0.0.1 \
            -p "$port" -U "$login" -d postgres -c 'show data_directory' 2>/dev/null) || return
        [ "$data" = "$home/data" ]
        ;;
    mariadb)
        data=$(env -i "PATH=$PATH" "MYSQL_PWD=$password" "$maria_client" --no-defaults --protocol=tcp -h 127.0.0.1 \
            -P "$port" -u "$login" --connect-timeout=5 -NB -e 'select @@datadir' 2>/dev/null) || return
        [ "${data%/}" = "$home/data" ]
        ;;
    esac
}

# Creates the data directory of home $2 under another name first: a killed run leaves no half of one.
initialise() {
    local kind=$1 home=$2 user
    [ ! -d "$home/data" ] || return 0
    say "creating $home"
    user=$(server_user "$kind")
    mkdir -p "$home"
    chmod 700 "$home"
    if is_root; then chown "$user" "$home"; fi
    rm -rf "$home/data.new" "$home/tmp"
    "${as[@]}" mkdir "$home/tmp" ||
        die "user $user cannot reach $home; choose another directory, as in \`tests/servers.sh start /var/tmp/servers\`"
    case $kind in
    postgres)
        # shellcheck disable=SC2016 # for the inner shell
        "${as[@]}" sh -c 'umask 077; printf "%s\n" "$1" >"$2"' - "$password" "$home/tmp/password"
        (cd "$home" && "${as[@]}" "$pg_bin/initdb" -D "$home/data.new" -U "$login" "--pwfile=$home/tmp/password" \
            -A scram-sha-256 -E UTF8 --no-locale --no-sync) >"$home/init.log" 2>&1 </dev/null
        ;;
    mariadb)
        (cd "$home" && "${as[@]}" TMPDIR="$home/tmp" "$maria_install" --no-defaults "--datadir=$home/data.new" \
            --auth-root-authentication-method=normal --skip-test-db --skip-name-resolve) >"$home/init.log" 2>&1 </dev/null
        ;;
    esac || {
        tail -n 30 "$home/init.log" >&2
        die "could not create the $kind data directory"
    }
    mv "$home/data.new" "$home/data"
}

# Starts the server of home $2 in a session of its own with none of the caller's files open; sets `child`.
launch() {
    local kind=$1 home=$2 port command=()
    choose_port "$home"
    port=$(port_of "$home")
    # Sockets have relative names: both servers work in their data directory, and an absolute path may be
    # longer than the system's limit of about 107 bytes.
    case $kind in
    postgres)
        # PostgreSQL heeds any living process of that number.
        running_pid "$kind" "$home" >/dev/null || forget_stranger "$(pid_file "$kind" "$home")"
        command=("$pg_bin/postgres" -D "$home/data" -p "$port" -c listen_addresses=127.0.0.1
            -c unix_socket_directories=. -c max_connections=300 -c logging_collector=off)
        # For tests of a full disk: no file may be larger than this, in 512 bytes. Its log needs 16 MiB.
        if [ "${PTAH_TEST_SCARCE:-}" = 1 ]; then command=(sh -c 'ulimit -Sf 49152 && exec "$@"' - "${command[@]}"); fi
        if [ "${PTAH_TEST_DURABLE:-}" != 1 ]; then
            command+=(-c fsync=off -c synchronous_commit=off -c full_page_writes=off)
        fi
        ;;
    mariadb)
        cat >"$home/init.sql" <<SQL
CREATE USER IF NOT EXISTS '$login'@'127.0.0.1' IDENTIFIED BY '$password';
GRANT ALL PRIVILEGES ON *.* TO '$login'@'127.0.0.1' WITH GRANT OPTION;
ALTER USER root@localhost IDENTIFIED BY '$password';
DROP USER IF EXISTS root@'127.0.0.1', root@'::1';
SQL
        chmod 644 "$home/init.sql"
        command=("$maria_server" --no-defaults "--datadir=$home/data" "--port=$port" --bind-address=127.0.0.1
            --socket=mariadb.sock "--pid-file=$home/data/mariadb.pid" "--tmpdir=$home/tmp" "--init-file=$home/init.sql"
            --skip-name-resolve --skip-log-bin --max-connections=300 --innodb-buffer-pool-size=64M
            --character-set-server=utf8mb4)
        # The same here: all tables in one file, and that with an end.
        if [ "${PTAH_TEST_SCARCE:-}" = 1 ]; then
            command+=(--innodb-file-per-table=0 --innodb-data-file-path=ibdata1:12M:autoextend:max:40M)
        fi
        if [ "${PTAH_TEST_DURABLE:-}" != 1 ]; then
            command+=(--innodb-flush-log-at-trx-commit=0 --sync-binlog=0 --innodb-doublewrite=0
                --innodb-flush-method=nosync --debug-no-sync)
        fi
        ;;
    esac
    local detach=(nohup)
    if command -v setsid >/dev/null; then detach=(setsid); fi
    say "starting $kind on port $port"
    (
        cd "$home"
        for fd in /dev/fd/*; do
            fd=${fd##*/}
            if [[ $fd =~ ^[0-9]+$ ]] && [ "$fd" -gt 2 ]; then eval "exec $fd>&-"; fi
        done
        exec "${detach[@]}" "${as[@]}" "${command[@]}"
    ) </dev/null >>"$home/log" 2>&1 &
    child=$!
}

# Removes the pid file $1 if its number has passed to another program. If the process is dead, the server itself
# finds out, and looks whether children of the dead one still hold its memory.
forget_stranger() {
    local pid
    pid=$(head -n 1 "$1" 2>/dev/null) || return 0
    if [[ $pid =~ ^[0-9]+$ ]] && kill -0 "$pid" 2>/dev/null; then rm -f "$1"; fi
}

# Returns once the server of home $2 answers, starting it if need be.
ensure() {
    local kind=$1 home=$2 as=() child='' launches=0 end=$((SECONDS + patience))
    until answers "$kind" "$home"; do
        if [ "$SECONDS" -ge "$end" ]; then
            tail -n 30 "$home/log" >&2 || :
            die "$kind does not answer after $patience s; its log is $home/log"
        elif [ -n "$child" ] && kill -0 "$child" 2>/dev/null; then
            sleep 0.1
        elif running_pid "$kind" "$home" >/dev/null; then
            sleep 0.2
        elif [ "$launches" -ge 10 ]; then
            tail -n 30 "$home/log" >&2 || :
            die "$kind does not start; its log is $home/log"
        else
            # The port may have been taken in between, or children of a killed server be about to end.
            [ "$launches" -eq 0 ] || sleep 1
            launches=$((launches + 1))
            set_as "$kind"
            initialise "$kind" "$home"
            launch "$kind" "$home"
        fi
    done
}

# Stops the server of home $2, by force if it takes longer than 20 seconds.
halt() {
    local kind=$1 home=$2 pid tries=0 gentle
    case $kind in postgres) gentle=INT ;; mariadb) gentle=TERM ;; esac
    pid=$(running_pid "$kind" "$home") || return 0
    say "stopping $kind"
    kill -s "$gentle" "$pid"
    while running_pid "$kind" "$home" >/dev/null; do
        tries=$((tries + 1))
        if [ "$tries" -eq 200 ]; then
            say "$kind does not stop: killing it"
            kill -s KILL "$pid" || :
        fi
        [ "$tries" -lt 300 ] || die "$kind does not die (process $pid)"
        sleep 0.1
    done
}

print_postgres() { printf 'PTAH_TEST_POSTGRES=postgres://%s:%s@127.0.0.1:%s/postgres\n' "$login" "$password" "$(port_of "$pg_home")"; }
print_mariadb() { printf 'PTAH_TEST_MARIADB=mysql://%s:%s@127.0.0.1:%s/\n' "$login" "$password" "$(port_of "$maria_home")"; }

# --- Commands -------------------------------------------------------------------------------------

# One at a time in a directory. Without flock a directory is the lock, and a dead owner's is broken.
lock() {
    if command -v flock >/dev/null; then
        exec 9>"$dir/lock"
        flock 9
        return
    fi
    local owner
    until mkdir "$dir/lock.d" 2>/dev/null; do
        owner=$(cat "$dir/lock.d/pid" 2>/dev/null) || owner=
        if [ -n "$owner" ] && ! kill -0 "$owner" 2>/dev/null; then rm -rf "$dir/lock.d"; fi
        sleep 0.2
    done
    echo $$ >"$dir/lock.d/pid"
    trap 'rm -rf "$dir/lock.d"' EXIT
}

usage() {
    echo "usage: tests/servers.sh start|stop|status [DIR]" >&2
    exit 2
}

case $# in 1 | 2) ;; *) usage ;; esac
verb=$1
tmp=${TMPDIR:-/tmp}
dir=${2:-${PTAH_TEST_SERVERS:-${tmp%/}/ptah-wasm-servers-$(id -u)}}
case $verb in start | stop | status) ;; *) usage ;; esac

if [ "$verb" = start ]; then
    mkdir -p "$dir"
elif [ ! -d "$dir" ]; then
    say "no servers in $dir"
    [ "$verb" = stop ]
    exit
fi
# Somebody else may have made the directory in /tmp first.
[ -O "$dir" ] || die "$dir belongs to another user"
dir=$(cd "$dir" && pwd -P)

case $verb in
start)
    [[ $dir != *[[:space:]]* ]] || die "the directory must have no white space in its name: $dir"
    if is_root; then chmod 755 "$dir"; fi
    lock
    find_servers
    ensure postgres "$pg_home"
    ensure mariadb "$maria_home"
    print_postgres
    print_mariadb
    ;;
status)
    failed=0
    if find_postgres && answers postgres "$pg_home"; then print_postgres; else
        say "postgres does not run in $dir"
        failed=1
    fi
    if find_mariadb && answers mariadb "$maria_home"; then print_mariadb; else
        say "mariadb does not run in $dir"
        failed=1
    fi
    exit "$failed"
    ;;
stop)
    lock
    # Of every version that ever ran here, whatever is installed now.
    for home in "$dir"/postgres-*; do halt postgres "$home"; done
    for home in "$dir"/mariadb-*; do halt mariadb "$home"; done
    ;;
esac
