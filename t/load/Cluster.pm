package Cluster;

# Two instances on one Redis, as two machines would be, for bench.pl.
#
#   my $cluster = Cluster->new($program, clients => 1000);
#   my $result = $cluster->run('--clients', 1000, …);
#   $cluster->stop;
#
# Each instance is an nginx.  They share a port, over which the kernel spreads
# the connections.  Options of new(): clients, main (as Load's), workers (1, of
# each), embedded (true: instead, the embedded engine with two workers),
# postgres (true: a database, too, with fsync on).  Redis' data outlive a kill.

use strict;
use warnings;

use JSON::PP ();
use POSIX ();
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

use Load;
use RTProp::HTTP;
use RTProp::Nginx;
use RTProp::Postgres;
use RTProp::Redis;


sub new {
    my ($class, $program, %opt) = @_;
    my $port = RTProp::Nginx::free_port();
    my %load = (clients => $opt{clients}, main => $opt{main} // '',
                workers => $opt{workers} // 1, listen => $port);
    my $self = bless { program => $program, port => $port }, $class;

    if ($opt{embedded}) {
        $self->{loads} = [Load->new($program, %load, workers => 2)];
        return $self;
    }

    # a kill of the process alone loses nothing that was written

    $self->{redis} = RTProp::Redis->new(keep => 1,
                                        conf => 'appendfsync everysec')->start;

    my $http = 'rtprop_engine redis; rtprop_redis unix:'
               . $self->{redis}->socket . ';';

    if ($opt{postgres}) {
        my $pg = $self->{postgres} = RTProp::Postgres->new(fsync => 1);

        $pg->start;
        $pg->migrate;
        $http .= 'rtprop_postgres "' . $pg->conninfo . '";';
    }

    $self->{loads} = [map { Load->new($program, %load, http => $http) } 1, 2];

    return $self;
}


sub redis    { $_[0]{redis} }
sub postgres { $_[0]{postgres} }
sub nginx { map { $_->nginx } @{$_[0]{loads}} }


sub stop {
    my ($self) = @_;
    $_->stop for @{$self->{loads}}, grep { $_ } @$self{qw(postgres redis)};
}


sub rooms {
    my ($self, $clients, $rooms) = @_;
    $self->{loads}[0]->rooms($clients, $rooms);
}


sub auction { $_[0]{loads}[0]->auction }


# Everything that serves runs on one processor.

sub pin_redis {
    my ($self, $cpu) = @_;
    my $pid = $self->{redis} && $self->{redis}->pid or return;

    system("taskset -a -p -c $cpu $pid >/dev/null") == 0
        or die "taskset: $?\n";
}


sub begin {
    my ($self, @args) = @_;
    my @pids = ((map { $_->master_pid } $self->nginx),
                map { $_->pid } grep { $_ } @$self{qw(postgres redis)});

    my $pid = open my $out, '-|', $self->{program}, '--json', '--url',
         "ws://127.0.0.1:$self->{port}/ws?u=u{i}",
         (map { ('--pid', $_) } @pids), @args
        or die "$self->{program}: $!\n";

    return $out;
}


sub end {
    my ($self, $out) = @_;
    my $json = do { local $/; <$out> };
    close $out;

    die "no result\n" if !$json;

    return { %{JSON::PP::decode_json($json)}, status => $? >> 8 };
}


sub run {
    my ($self, @args) = @_;
    return $self->end($self->begin(@args));
}


# ------------------------------------------------- Redis dies and comes back

# Clients in rooms hear a message, Redis is killed, and away for so many
# seconds; from the moment at which it answers again a message to each room is
# said at one instance and then at the other one, as soon as they take it: the
# result, with "back_s", seconds from Redis' return until everyone had heard
# all, and "said_s", until all was said.

sub run_killed {
    my ($self, $clients, $rooms, $away) = @_;
    my @http = map { RTProp::HTTP->new(port => $_->port) } $self->nginx;
    my $out = $self->begin('--label', 'back', '--clients', $clients,
        '--rooms', $rooms, '--hear', 3, '--seconds', 30, '--settle', 1,
        '--connect-rate', 1000, '--connect-timeout', 120);
    my $redis = $self->{redis};

    <$out> // die "the load tool ended\n";
    $self->say($http[0], $rooms, 0);

    $redis->kill;
    $self->degraded($_) for @http;
    select undef, undef, undef, $away if $away;
    $redis->start;
    $redis->wait_until(sub { ($redis->call('PING') // '') eq 'PONG' }, 60)
        or die "Redis does not come back\n";

    my $returned = clock_gettime(CLOCK_MONOTONIC);

    $self->say($http[0], $rooms, 1);
    $self->say($http[1], $rooms, 2);

    my $said = clock_gettime(CLOCK_MONOTONIC);
    my $r = $self->end($out);

    return { %$r, back_s => $r->{end_s} - $returned,
             said_s => $said - $returned };
}


sub degraded {
    my ($self, $http) = @_;

    ($self->nginx)[0]->wait_until(sub {
        my $res = $http->request(POST => '/api/publish',
            { channel => 'user:nobody', type => 'x:x', payload => {} });
        return $res->{status} == 503;
    }, 30) or die "Redis is away, and nobody minds\n";
}


# A message to each room, with the mark that the tool looks for; as many to a
# request as it takes, and again until it is taken.

sub say {
    my ($self, $http, $rooms, $number) = @_;

    for (my $from = 0; $from < $rooms; $from += 100) {
        my $to = $from + 99 < $rooms ? $from + 99 : $rooms - 1;
        my @events = map {
            { channel => "conversation:load$_", type => 'bench:said',
              payload => { mark => mark($_, $number) } }
        } $from .. $to;

        ($self->nginx)[0]->wait_until(sub {
            return $http->request(POST => '/api/publish', \@events)->{status}
                   == 200;
        }, 60) or die "nobody takes what is said\n";
    }
}


sub mark {
    my ($publisher, $number) = @_;
    return sprintf '~%06x%08x%016x~', $publisher, $number,
                   1e9 * clock_gettime(CLOCK_MONOTONIC);
}


1;
