package RTProp::Chaos;

# Load on instances of nginx while a seeded plan breaks things.
#
#   my $chaos = RTProp::Chaos->new(instances => [$a, $b], seed => 1,
#                                  clients => 20, …);
#
# ghosts (5) is how many seconds those who are gone may be counted for: a dead
# worker's 5, a dead machine's rtprop_presence_lease.
#
#   $chaos->start;                   # until everybody has joined
#   $chaos->run(\@actions);          # each one after more acknowledgements
#   my ($ok, $text) = $chaos->judge(anew => 0);
#
# An action is [name, sub]; the sub leaves everything running again, or on its
# way; accidents(), deaths(), hold(), limp() and sever() give what clusters
# have.
# Between two actions the load must have got STEP more messages acknowledged, so
# each of them is answered by a cluster that serves again.

use strict;
use warnings;

use Carp qw(croak);
use File::Copy qw(copy);
use File::Path qw(make_path);
use File::Temp;
use IO::Select;
use IPC::Open2;
use JSON::PP ();
use POSIX ();
use Time::HiRes qw(time);

use RTProp::HTTP;

use constant { STEP => 20, TIMEOUT => 90 };
use constant EXCHANGE => qr/exchange by database/;

my $dir = 't/chaos';


sub new {
    my ($class, %opt) = @_;

    my $self = bless {
        seed => 1, clients => 16, rooms => 2, auctions => 1, properties => 1,
        rate => 60, ghosts => 5, acked => 0, buffer => '', facts => [], %opt,
        dir => File::Temp->newdir('chaos-XXXXXX', TMPDIR => 1),
    }, $class;

    $self->{history} = "$self->{dir}/history.jsonl";
    srand $self->{seed};

    return $self;
}


# What the load needs of npm; false when it can't be had.

sub install {
    my ($lock, $done) = ("$dir/package-lock.json",
                         "$dir/node_modules/.package-lock.json");

    return 1 if -e $done && -M $lock >= -M $done;

    return system("cd $dir && npm ci --ignore-scripts --no-audit --no-fund"
                  . " --loglevel=error </dev/null >&2") == 0;
}


# What is served to the load, below "server".

sub server {
    return <<'END';
    location /ws {
        rtprop native;
        rtprop_user $arg_u;
        rtprop_rate message off;
        rtprop_rate bid off;
        rtprop_rate other off;
    }

    location /api/ { rtprop api; rtprop_api_key api.key; }
    location = /health { rtprop health; }
END
}


# What may happen to nginx and to its clients.

sub accidents {
    my ($self) = @_;
    my @nginx = @{$self->{instances}};

    return ((map { my $nginx = $nginx[$_];
        ["kill -9 a worker of $_" => sub { $nginx->kill_worker }],
        ["reload $_" => sub { $nginx->reload }] } 0 .. $#nginx),
        ['cut connections' => sub { $self->cut(5) }],
        ['cut most connections' => sub { $self->cut(20) }]);
}


# A whole instance dies; its shared memory goes with it.

sub deaths {
    my ($self) = @_;
    my @nginx = @{$self->{instances}};

    return map { my $nginx = $nginx[$_];
        ["kill -9 instance $_" => sub { $nginx->stop('KILL');
                                        $nginx->start }] } 0 .. $#nginx;
}


# A server is stopped until all instances have noticed, and goes on.

sub hold {
    my ($self, $server) = @_;

    $server->pause;

    $self->until_healthy(0, @{$self->{instances}});
    $server->resume;
}


# A server is slow: it stands still for a moment, for longer than anybody waits
# ($limit, in s), and so on, and goes on for a short while in between.  What it
# was sent by those who gave up, it may do then.

sub limp {
    my ($self, $server, $limit) = @_;
    my $pid = fork // croak "fork: $!";

    if ($pid == 0) {
        srand $self->{seed} + $self->{acked};

        for my $least (0, $limit, 0, $limit, 0) {
            $server->pause;
            select undef, undef, undef, $least + rand $limit / 2;
            $server->resume;
            select undef, undef, undef, rand 0.3;
        }

        POSIX::_exit(0);
    }

    waitpid $pid, 0;
    $self->until_healthy(1, @{$self->{instances}});
}


# Machines' cables are cut until they have noticed (with a pattern: until their
# engine's state is such), and others have gone on.  They are whole again when
# this returns.

sub sever {
    my ($self, $hosts, $nginx, $cables, $state) = @_;

    $_->cut(@$cables) for @$hosts;
    $self->until_healthy(0, @$nginx);
    $self->until_engine($state, @$nginx) if $state;
    $self->progress;
    $_->mend(@$cables) for @$hosts;
    $self->until_healthy(1, @$nginx);
}


sub until_healthy {
    my ($self, $well, @nginx) = @_;

    for my $nginx (@nginx) {
        my $http = health($nginx);

        $nginx->wait_until(sub {
            my $status = $http->get('/health')->{json}{status} // '';
            return $well == ($status eq 'ok');
        }, 30) or croak 'no change in health';
    }
}


sub until_engine {
    my ($self, $state, @nginx) = @_;

    for my $nginx (@nginx) {
        my $http = health($nginx);

        $nginx->wait_until(sub {
            ($http->get('/health')->{json}{engine}{status} // '') =~ $state
        }, 30) or croak "never $state";
    }
}


sub health {
    my ($nginx) = @_;
    return RTProp::HTTP->new(host => $nginx->address, port => $nginx->port);
}


# Redis is away until all instances exchange through the database, which they
# do for a while; what else happens meanwhile is $accident's.

sub away {
    my ($self, $redis, $accident) = @_;

    $redis->kill;
    $self->until_engine(EXCHANGE, @{$self->{instances}});
    $self->progress;
    $accident->();
    $self->progress;
}


# What servers that are killed and held make nginx say, and no more than that.

sub redis_lines {
    return qr/rtprop:\ Redis\ "[\d.]+:\d+"\ is\ away:
              \ (?:connection\ (?:closed\ by\ Redis|lost)
                 |Connection\ (?:refused|reset\ by\ peer)
                 |No\ route\ to\ host
                 |connecting\ timed\ out|no\ reply\ in\ \d+\ ms
                 |loading\ its\ data)$/x;
}

sub postgres_lines {
    return qr/rtprop:\ PostgreSQL,\ the\ (?:read|writ|listen)ing\ connection:
              \ (?:connection\ (?:lost|failed|terminated)
                 |cannot\ connect|setup\ failed|timed\ out
                 |LISTEN\ refused
                 |database\ (?:starting|stopping)):/x;
}


sub start {
    my ($self) = @_;
    my @nginx = @{$self->{instances}};
    my @at = map { $_->address . ':' . $_->port } @nginx;

    $self->{pid} = open2($self->{out}, $self->{in}, 'node', "$dir/load.mjs",
        (map { ('--url', "ws://$_/ws?u={user}", '--api', "http://$_/api") }
         @at),
        '--key-file', $nginx[0]->prefix . '/api.key',
        '--out', $self->{history}, map { ("--$_", $self->{$_}) }
        qw(seed clients rooms auctions properties rate ghosts));

    $self->wait_for(qr/^ready$/);

    return $self;
}


# Waits for a line of the load; croaks if none comes in time.

sub wait_for {
    my ($self, $pattern) = @_;
    my $deadline = time + TIMEOUT;
    my $select = IO::Select->new($self->{out});

    while (1) {
        while ($self->{buffer} =~ s/^([^\n]*)\n//) {
            my $line = $1;

            $self->{acked} = $1 if $line =~ /^acked (\d+)/;
            return $line if $line =~ $pattern;
        }

        my $left = $deadline - time;
        croak "the load never said $pattern (acked $self->{acked})"
            if $left <= 0 || !$select->can_read($left)
               || !sysread $self->{out}, $self->{buffer}, 4096,
                           length $self->{buffer};
    }
}


sub progress {
    my ($self) = @_;
    my $goal = $self->{acked} + STEP;

    $self->wait_for(qr/^acked/) while $self->{acked} < $goal;
}


sub cut {
    my ($self, $n) = @_;

    syswrite $self->{in}, "cut $n\n";
}


# All actions once, in an order that the seed decides; with $seconds again and
# again, as the seed has it, until they are over.  Returns what was done.

sub run {
    my ($self, $actions, $seconds) = @_;
    my (@left, @done);
    my $deadline = time + ($seconds // 0);

    while (1) {
        if (!@left) {
            last if @done && time >= $deadline;
            @left = @$actions;
        }

        my ($action) = splice @left, int rand @left, 1;

        $self->progress;
        print STDERR "# $action->[0]\n" if $ENV{CHAOS_VERBOSE};
        $action->[1]->();
        push @done, $action->[0];
    }

    $self->progress;

    return @done;
}


# One more fact, of the database.

sub fact {
    my ($self, $fact) = @_;

    push @{$self->{facts}}, JSON::PP->new->canonical->encode($fact);
}


# What the database holds of the load's.

sub read_database {
    my ($self, $postgres) = @_;

    for my $row (split /\n/, $postgres->sql(<<'END')) {
SELECT conversation_id, id, sender_id, coalesce(client_message_id, '')
FROM rtprop.message WHERE conversation_id LIKE 'chaos-%'
END
        my ($room, $id, $user, $c) = split /\|/, $row, -1;
        $self->fact({ k => 'db', table => 'message', id => $id, u => $user,
                       ch => "conversation:$room", c => length $c ? $c : undef
                     });
    }

    for my $row (split /\n/, $postgres->sql(<<'END')) {
SELECT auction_id, id, amount FROM rtprop.bid
WHERE accepted AND auction_id LIKE 'chaos-%'
END
        my ($auction, $id, $amount) = split /\|/, $row;
        $self->fact({ k => 'db', table => 'bid', id => $id,
                       ch => "auction:$auction", amount => $amount + 0 });
    }

    for my $row (split /\n/, $postgres->sql(<<'END')) {
SELECT DISTINCT ON (a.id) a.id, a.status, a.price, b.bidder_number
FROM rtprop.auction a JOIN rtprop.bid b ON b.auction_id = a.id
WHERE b.accepted AND a.id LIKE 'chaos-%' ORDER BY a.id, b.amount DESC
END
        my ($auction, $status, $price, $winner) = split /\|/, $row;
        $self->fact({ k => 'db', table => 'auction', status => $status,
                       ch => "auction:$auction", price => $price + 0,
                       winner => $winner + 0 });
    }
}


sub stop {
    my ($self) = @_;

    syswrite $self->{in}, "stop\n";
    $self->wait_for(qr/^stopped$/);
    waitpid delete $self->{pid}, 0;
}


# (true if nothing is wrong, what the checker says); "anew" allows that people
# had to start over.

sub judge {
    my ($self, %opt) = @_;

    open my $fh, '>', "$self->{dir}/database.jsonl" or croak $!;
    print $fh "$_\n" for @{$self->{facts}};
    close $fh;

    open my $out, '-|', 'node', "$dir/check.mjs",
         ($opt{anew} ? () : '--no-anew'), $self->{history},
         "$self->{dir}/database.jsonl" or croak "node: $!";
    my $text = do { local $/; <$out> };

    return (1, $text) if close $out;

    my $kept = "t/artifacts/chaos-$self->{seed}.jsonl";
    make_path('t/artifacts');
    copy($self->{history}, $kept) and $text .= "the history: $kept\n";

    return (0, $text);
}


sub DESTROY {
    my ($self) = @_;

    if ($self->{pid}) {
        kill 'KILL', $self->{pid};
        waitpid $self->{pid}, 0;
    }
}


1;
