package RTProp::Postgres;

# A private PostgreSQL in a folder of its own, on a unix socket and a free
# port, run by an ordinary user whoever runs the test.
#
#   my $pg = RTProp::Postgres->new;
#   $pg->start;
#   … $pg->conninfo, $pg->sql('SELECT 1'), $pg->migrate …
#   $pg->kill; $pg->start;              # kill -9 of all its processes
#   $pg->pause; $pg->resume;            # SIGSTOP, SIGCONT of them
#   $pg->stop;
#
# Options of new(): fsync (true: as in real life; else off), conf (lines of
# postgresql.conf), hba (lines ahead of those of pg_hba.conf; else everybody
# on this machine is trusted).

use strict;
use warnings;

use Carp qw(croak);
use Cwd qw(abs_path);
use File::Temp;
use POSIX qw(WNOHANG);
use Time::HiRes qw(time sleep);

use RTProp::Nginx;

use constant TIMEOUT => 60;


sub new {
    my ($class, %opt) = @_;

    my $self = bless { conf => '', hba => '', fsync => 0, %opt, owner => $$ },
                     $class;

    # a unix socket's path is short
    $self->{dir} = File::Temp->newdir('pg-XXXXXX', TMPDIR => 1);
    $self->{port} = RTProp::Nginx::free_port();

    my $dir = "$self->{dir}";
    chmod 0755, $dir;

    if ($> == 0) {
        my @user = getpwnam('postgres');
        @user = getpwnam('nobody') if !@user;
        ($self->{uid}, $self->{gid}) = @user[2, 3];
        chown $self->{uid}, $self->{gid}, $dir;
    }

    my $init = $self->run($self->binary('initdb'), '-D', "$dir/data", '-A',
                          'trust', '-U', 'postgres', '--no-sync', '-E', 'UTF8',
                          '--locale=C');
    croak "initdb: $init" if $?;

    return $self;
}


# Where the programs of the server are.

sub binary {
    my ($self, $name) = @_;

    my ($found) = grep { -x "$_/$name" }
                  reverse(sort glob '/usr/lib/postgresql/*/bin'),
                  split /:/, $ENV{PATH};
    croak "no $name: is PostgreSQL installed?" if !$found;

    return "$found/$name";
}


sub port     { $_[0]{port} }
sub dir      { "$_[0]{dir}" }
sub pid      { $_[0]{pid} }
sub log_file { "$_[0]{dir}/postgres.log" }
sub log      { RTProp::Nginx::slurp($_[0]->log_file) }


# Over the unix socket, as the superuser unless said otherwise.

sub conninfo {
    my ($self, %opt) = @_;
    %opt = (host => $self->dir, port => $self->{port}, dbname => 'postgres',
            user => 'postgres', %opt);

    return join ' ', map { "$_=$opt{$_}" } sort keys %opt;
}


# Becomes the ordinary user, in a child.

sub become {
    my ($self) = @_;

    chdir $self->dir;

    if (defined $self->{uid}) {
        $) = "$self->{gid} $self->{gid}";
        POSIX::setgid($self->{gid});
        POSIX::setuid($self->{uid});
    }
}


# Runs a program as that user; gives what it said, and $?.

sub run {
    my ($self, @command) = @_;

    my $pid = open(my $pipe, '-|') // croak "fork: $!";

    if (!$pid) {
        $self->become;
        open STDERR, '>&', \*STDOUT;
        open STDIN, '<', '/dev/null';
        exec @command or POSIX::_exit(127);
    }

    local $/;
    my $said = <$pipe>;
    close $pipe;

    return $said // '';
}


sub start {
    my ($self) = @_;
    my $deadline = time + TIMEOUT;

    $self->write_conf;

    while (time < $deadline) {
        $self->spawn;

        while (time < $deadline && $self->alive) {
            return $self if $self->ready;
            sleep 0.05;
        }

        # what is left of a killed one may hold on for a moment
        sleep 0.1;
    }

    croak "PostgreSQL did not start:\n" . $self->log;
}


sub write_conf {
    my ($self) = @_;
    my $dir = $self->dir;
    my $fsync = $self->{fsync} ? 'on' : 'off';

    $self->write("$dir/data/postgresql.auto.conf", <<"END");
listen_addresses = '127.0.0.1'
port = $self->{port}
unix_socket_directories = '$dir'
unix_socket_permissions = 0777
fsync = $fsync
synchronous_commit = on
full_page_writes = $fsync
max_connections = 60
shared_buffers = 32MB
logging_collector = off
log_line_prefix = '%m [%p] '
$self->{conf}
END

    $self->write("$dir/data/pg_hba.conf", <<"END");
$self->{hba}
local all all trust
host all all 127.0.0.1/32 trust
local replication all trust
END
}


sub write {
    my ($self, $name, $text) = @_;

    open my $fh, '>', $name or croak "$name: $!";
    print {$fh} $text;
    close $fh or croak "$name: $!";
    chown $self->{uid}, $self->{gid}, $name if defined $self->{uid};
}


sub spawn {
    my ($self) = @_;
    my $dir = $self->dir;

    my $pid = fork // croak "fork: $!";

    if (!$pid) {
        $self->become;
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', $self->log_file;
        open STDERR, '>&', \*STDOUT;
        exec $self->binary('postgres'), '-D', "$dir/data"
            or POSIX::_exit(127);
    }

    $self->{pid} = $pid;
}


sub ready {
    my ($self) = @_;

    $self->run($self->binary('psql'), '-XAtqw', '-d', $self->conninfo, '-c',
               'SELECT 1');

    return $? == 0;
}


sub alive {
    my ($self) = @_;

    return 0 if !$self->{pid};
    return 1 if waitpid($self->{pid}, WNOHANG) == 0;

    delete $self->{pid};
    return 0;
}


# Rows as lines, fields between "|"; dies of an error unless "may" is given.

sub sql {
    my ($self, $sql, %opt) = @_;
    my @arg = $opt{file} ? ('-f', $opt{file}) : ('-c', $sql);

    my $said = $self->run($self->binary('psql'), '-XAtqw', '-v',
                          'ON_ERROR_STOP=1', '-d',
                          $self->conninfo(%{$opt{conn} || {}}), @arg);
    croak "psql: $said" if $? && !$opt{may};

    chomp $said;
    return $said;
}


# Commits n events of a channel of that database without telling anybody, and
# forgets some (by their numbers from 1), in one transaction.

sub untold {
    my ($self, $database, $channel, $n, @gone) = @_;
    my $list = sub { 'ARRAY[' . join(', ', ($_[0]) x $n) . ']' };
    my $ids = join ', ', 1 .. $n;

    $self->sql("SELECT count(*) FROM rtprop.append(true, "
        . join(', ', $list->("'$channel'"), $list->("'chat:news'"),
               $list->("'{}'"), "ARRAY[$ids]::bigint[]", $list->("''"),
               $list->('0::bigint'), $list->('0::bigint'), $list->("''"))
        . ", 7, false); "
        . "DELETE FROM rtprop.event e USING rtprop.channel c"
        . " WHERE c.name = '$channel' AND e.channel = c.name"
        . " AND e.position - c.position + $n IN (@{[join ', ', @gone]})",
        conn => { dbname => $database });
}


# Its processes: the postmaster first.

sub processes {
    my ($self) = @_;
    my @all = $self->{pid} or return;

    for my $stat (glob '/proc/[0-9]*/stat') {
        open my $fh, '<', $stat or next;
        my ($pid, $parent) = (<$fh> // '') =~ /^(\d+) \(.*\) \S (\d+)/ or next;
        push @all, $pid if $parent == $self->{pid};
    }

    return @all;
}


sub pause  { my @all = $_[0]->processes; CORE::kill STOP => $_ for @all }
sub resume { my @all = $_[0]->processes; CORE::kill CONT => $_ for @all }


# kill -9 of all of them at once, as when the machine goes.

sub kill {
    my ($self) = @_;

    return if !$self->alive;

    my @all = $self->processes;
    CORE::kill STOP => $self->{pid};
    CORE::kill KILL => $_ for reverse @all;
    waitpid $self->{pid}, 0;
    delete $self->{pid};
}


# mode: "fast" (INT) or "immediate" (QUIT).

sub stop {
    my ($self, $mode) = @_;

    return if !$self->alive;

    CORE::kill(($mode // 'immediate') eq 'fast' ? 'INT' : 'QUIT',
               $self->{pid});
    CORE::kill CONT => $_ for $self->processes;

    my $deadline = time + TIMEOUT;

    while ($self->alive) {
        return $self->kill if time > $deadline;
        sleep 0.02;
    }
}


# Applies sql/ by "make migrate"'s own script; gives what it said.

sub migrate {
    my ($self, %conn) = @_;
    my $top = RTProp::Nginx::top();

    local $ENV{PATH} = "$ENV{PATH}:/usr/lib/postgresql/15/bin";
    my $said = `'$top/tools/migrate.sh' '@{[$self->conninfo(%conn)]}' 2>&1`;
    croak "migrate: $said" if $?;

    return $said;
}


sub DESTROY {
    my ($self) = @_;

    return if $self->{owner} != $$;

    local ($?, $@, $!);
    $self->kill;
}


1;
