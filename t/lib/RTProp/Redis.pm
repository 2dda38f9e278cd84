package RTProp::Redis;

# A private Redis in a folder of its own, on a free port and a unix socket.
#
#   my $redis = RTProp::Redis->new(password => 'secret');
#   $redis->start;
#   … $redis->port, $redis->socket, $redis->url, $redis->call(GET => 'a') …
#   $redis->kill; $redis->start;            # its data are gone
#   $redis->kill; $redis->wipe; $redis->start;   # the same with "keep"
#   $redis->pause; $redis->resume;          # SIGSTOP, SIGCONT
#   $redis->stop;
#
#   my ($masters, $replicas) = RTProp::Redis->cluster(3, 1);
#
# cluster() starts a cluster: so many masters, and so many of them have a
# replica, in the same order.
#
# Options of new(): password; keep (true: data outlive a kill, by an append-only
# file that is written at once); conf (lines of redis.conf); sentinel (true:
# it is a Sentinel); replica_of (another RTProp::Redis); cluster (true).

use strict;
use warnings;

use Carp qw(croak);
use File::Path qw(remove_tree);
use File::Temp;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX qw(WNOHANG);
use Time::HiRes qw(time);

use RTProp::Nginx;

use constant TIMEOUT => 20;


sub new {
    my ($class, %opt) = @_;

    my $self = bless { conf => '', %opt, owner => $$ }, $class;

    # a unix socket's path is short
    $self->{dir} = File::Temp->newdir('redis-XXXXXX', TMPDIR => 1);
    chmod 0755, "$self->{dir}";
    $self->{port} = $self->free_port;

    return $self;
}


# A cluster's bus listens 10,000 above the port.

sub free_port {
    my ($self) = @_;

    for (1 .. 200) {
        my $port = RTProp::Nginx::free_port();
        return $port if !$self->{cluster}
                        || RTProp::Nginx::take_port($port + 10000);
    }

    croak 'no free port for a cluster';
}


sub cluster {
    my ($class, $masters, $replicas, %opt) = @_;
    my @nodes = map { $class->new(%opt, cluster => 1)->start }
                1 .. $masters + $replicas;
    my @masters = @nodes[0 .. $masters - 1];
    my @replicas = @nodes[$masters .. $#nodes];
    my $share = 16384 / $masters;

    for my $i (0 .. $#nodes) {
        $nodes[$i]->call('CLUSTER', 'SET-CONFIG-EPOCH', $i + 1);
        $nodes[0]->call('CLUSTER', 'MEET', '127.0.0.1', $nodes[$i]{port});
    }

    for my $i (0 .. $#masters) {
        $masters[$i]->call('CLUSTER', 'ADDSLOTSRANGE', int($i * $share),
                           int(($i + 1) * $share) - 1);
    }

    $_->wait_until(sub { $_->knows(scalar @nodes) }, 60)
        or croak 'the nodes do not meet' for @nodes;

    for my $i (0 .. $#replicas) {
        my $id = $masters[$i]->call('CLUSTER', 'MYID');
        $replicas[$i]->wait_until(sub {
            return !ref $replicas[$i]->call('CLUSTER', 'REPLICATE', $id);
        }) or croak 'a replica was refused';
    }

    $_->wait_until(sub { $_->cluster_ok }, 60)
        or croak 'the cluster is not well' for @nodes;
    $_->wait_until(sub { $_->info('master_link_status') eq 'up' }, 60)
        or croak 'a replica does not follow' for @replicas;

    return (\@masters, \@replicas);
}


sub knows {
    my ($self, $n) = @_;
    return $self->call('CLUSTER', 'INFO') =~ /^cluster_known_nodes:$n\r$/m;
}


sub cluster_ok {
    $_[0]->call('CLUSTER', 'INFO') =~ /^cluster_state:ok\r$/m;
}


sub port     { $_[0]{port} }
sub dir      { "$_[0]{dir}" }
sub socket   { "$_[0]{dir}/redis.sock" }
sub log_file { "$_[0]{dir}/redis.log" }
sub log      { RTProp::Nginx::slurp($_[0]->log_file) }
sub pid      { $_[0]{pid} }

sub url {
    my ($self) = @_;
    my $auth = defined $self->{password} ? ":$self->{password}@" : '';
    return "redis://${auth}127.0.0.1:$self->{port}";
}


sub conf_text {
    my ($self) = @_;
    my $dir = $self->dir;
    my $password = $self->{password};
    my $text = <<"END";
bind 127.0.0.1
port $self->{port}
dir $dir
logfile $dir/redis.log
daemonize no
protected-mode no
END

    if (!$self->{sentinel}) {
        $text .= "unixsocket $dir/redis.sock\nunixsocketperm 777\n"
                 . "save \"\"\nrepl-diskless-sync-delay 0\n";
        $text .= $self->{keep} ? "appendonly yes\nappendfsync always\n"
                               : "appendonly no\n";
        $text .= "requirepass $password\nmasterauth $password\n"
            if defined $password;
        $text .= "replicaof 127.0.0.1 $self->{replica_of}{port}\n"
            if $self->{replica_of};
        $text .= "cluster-enabled yes\ncluster-config-file nodes.conf\n"
                 . "cluster-node-timeout 2000\n"
                 . "cluster-replica-validity-factor 0\n"
                 . "cluster-migration-barrier 100\n"
            if $self->{cluster};
    }

    return "$text$self->{conf}\n";
}


# Starts it; again after kill() or stop(), on the same port.

sub start {
    my ($self, %opt) = @_;

    for my $try (1 .. 5) {
        $self->spawn;
        return $self if $self->wait_until(sub {
            return 1 if $self->answers;
            return 1 if !$self->alive;
            return;
        }) && $self->alive;

        my $log = $self->log;
        $self->kill;
        croak "redis-server did not start:\n$log"
            if $self->{started} || $try == 5
               || $log !~ /Address already in use|bind/;

        $self->{port} = $self->free_port;
        unlink $self->log_file;
    }
}


sub spawn {
    my ($self) = @_;
    my $dir = $self->dir;
    my $conf = "$dir/redis.conf";

    # Sentinels write into theirs, and into that of who is promoted
    my $text = $self->conf_text;

    if ($text ne ($self->{written} // '')) {
        open my $fh, '>', $conf or croak "$conf: $!";
        print {$fh} $text;
        close $fh or croak "$conf: $!";
        $self->{written} = $text;
    }

    my $pid = fork // croak "fork: $!";

    if ($pid == 0) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', "$dir/stdout.log";
        open STDERR, '>&', \*STDOUT;
        exec('redis-server', $conf, $self->{sentinel} ? '--sentinel' : ())
            or POSIX::_exit(127);
    }

    $self->{pid} = $pid;
}


# An error is an answer, too: it may want a password, or be loading.

sub answers {
    my ($self) = @_;
    my $answer = eval { $self->connect->call('PING') };
    my $ready = defined $answer && (ref $answer || $answer eq 'PONG');

    $self->{started} = 1 if $ready;
    return $ready;
}


sub wait_until {
    my ($self, $condition, $timeout) = @_;
    return RTProp::Nginx::wait_until($self, $condition, $timeout // TIMEOUT);
}


sub alive {
    my ($self) = @_;

    return 0 if !$self->{pid};
    return 1 if waitpid($self->{pid}, WNOHANG) == 0;

    delete $self->{pid};
    return 0;
}


sub end {
    my ($self, $signal) = @_;

    delete $self->{client};
    return if !$self->alive;

    CORE::kill CONT => $self->{pid};
    CORE::kill $signal => $self->{pid};

    return if $self->wait_until(sub { !$self->alive });
    CORE::kill KILL => $self->{pid};
    $self->wait_until(sub { !$self->alive });
}


sub kill { $_[0]->end('KILL') }
sub stop { $_[0]->end('TERM') }


# Forgets its data, while it is not running.

sub wipe {
    my ($self) = @_;

    remove_tree("$self->{dir}/appendonlydir", "$self->{dir}/dump.rdb");
}


sub pause {
    my ($self) = @_;
    CORE::kill STOP => $self->{pid};
}


sub resume {
    my ($self) = @_;
    CORE::kill CONT => $self->{pid};
}


# One command over a connection that is kept: a string, an integer, undef, an
# array; an error is a reference to its text.

sub call {
    my ($self, @command) = @_;

    $self->{client} = $self->connect if !$self->{client};

    my @answer = eval { $self->{client}->call(@command) };
    return $answer[0] if !$@;

    $self->{client} = $self->connect;
    return $self->{client}->call(@command);
}


sub connect {
    my ($self) = @_;
    return RTProp::Redis::Client->new($self);
}


sub info {
    my ($self, $name) = @_;
    my ($value) = $self->call('INFO', 'everything') =~ /^\Q$name\E:(.*?)\r?$/m;
    return $value;
}


sub DESTROY {
    my ($self) = @_;
    local ($@, $?, $!);
    return if !$self->{pid} || $self->{owner} != $$;
    $self->end('KILL');
}


package RTProp::Redis::Client;

use strict;
use warnings;

use Carp qw(croak);


sub new {
    my ($class, $redis) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $redis->port, Timeout => 5)
        or croak "no connection to Redis: $@";
    my $self = bless { socket => $socket, buffer => '' }, $class;

    $self->call(AUTH => $redis->{password})
        if defined $redis->{password} && !$redis->{sentinel};

    return $self;
}


sub call {
    my ($self, @command) = @_;

    $self->write(@command);
    return $self->read;
}


sub write {
    my ($self, @command) = @_;
    my $text = '*' . @command . "\r\n"
               . join '', map { '$' . length($_) . "\r\n$_\r\n" } @command;

    local $SIG{PIPE} = 'IGNORE';
    while (length $text) {
        my $n = syswrite($self->{socket}, $text)
            or croak "Redis is gone: $!";
        substr $text, 0, $n, '';
    }
}


sub fill {
    my ($self) = @_;
    my $in = '';

    vec($in, fileno $self->{socket}, 1) = 1;
    select($in, undef, undef, 10) > 0 or croak 'Redis does not answer';
    sysread($self->{socket}, $self->{buffer}, 65536, length $self->{buffer})
        or croak 'Redis closed the connection';
}


sub line {
    my ($self) = @_;

    $self->fill while $self->{buffer} !~ /\r\n/;
    $self->{buffer} =~ s/\A(.*?)\r\n//s;

    return $1;
}


sub read {
    my ($self) = @_;
    my ($kind, $rest) = $self->line =~ /\A(.)(.*)\z/s;

    return $rest if $kind eq '+' || $kind eq ':';
    return \$rest if $kind eq '-';
    return if $rest < 0;
    return [map { scalar $self->read } 1 .. $rest] if $kind eq '*';

    $self->fill while length $self->{buffer} < $rest + 2;
    my $text = substr $self->{buffer}, 0, $rest;
    substr $self->{buffer}, 0, $rest + 2, '';

    return $text;
}


1;
