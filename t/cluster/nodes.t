#!/usr/bin/perl

# Two instances on a Redis cluster, and behind Sentinels: they behave as one,
# and go on when a master dies.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Redis;
use RTProp::Test;

my $options = 'timeout=1s connect_timeout=1s retry=200ms';
my @away = (qr/is away: /, qr/refuses commands: /,
            qr/no node of the Redis cluster answers/);


# One request to an instance; what it answers.

sub ask {
    my ($nginx, $method, $path, $body) = @_;
    my $http = http(nginx => $nginx, bearer => API_KEY, timeout => 30);
    return $http->request($method, $path, $body);
}

sub healthy {
    my ($nginx) = @_;
    my $res = http(nginx => $nginx)->get('/health');
    return ($res->{json}{status} // '') eq 'ok';
}

# A request until it is served: while a master is away it is refused.

sub served {
    my ($nginx, @request) = @_;
    my $res;

    $nginx->wait_until(sub {
        $res = ask($nginx, @request);
        return $res->{status} =~ /^20[01]$/;
    }, 60);

    return $res;
}

sub joins {
    my ($ws, $id) = @_;
    $ws->send_json('chat:join', { conversation_id => $id }, "join-$id");
    return $ws->wait_for('chat:joined', sub {
        $_[0]{payload}{conversation_id} eq $id }, 30);
}

sub says {
    my ($ws, $id, $content) = @_;
    $ws->send_json('chat:send_message',
                   { conversation_id => $id, content => $content },
                   "say-$content");
}

sub hears {
    my ($ws, $content) = @_;
    return $ws->wait_for('chat:new_message', sub {
        $_[0]{payload}{content} eq $content }, 30);
}


# As one, over conversations of many slots.

sub as_one {
    my ($name, $first, $second, $round) = @_;
    my ($ann, $ben);

    for ([\$ann, 'ann', $first], [\$ben, 'ben', $second]) {
        my ($ws, $user, $nginx) = @$_;
        $$ws = client(nginx => $nginx, user => "$user$round");
    }

    my @ids = map { "$round-c$_" } 1 .. 6;

    for my $id (@ids) {
        my $res = served($first, PUT => "/api/conversations/$id",
                         { participants => ["ann$round", "ben$round"] });
        is($res->{status}, 201, "$name: conversation $id");
        ok(joins($ann, $id) && joins($ben, $id), 'both join');
    }

    for my $id (@ids) {
        says($ann, $id, "from ann in $id");
        says($ben, $id, "from ben in $id");
        my @heard = map { my $ws = $_; map { hears($ws, "from $_ in $id") }
                          'ann', 'ben' } $ann, $ben;
        is(@heard, 4, "$name: $id: each hears both");
        my %offset = map { $_ => 1 } grep { defined } map { $_->{offset} }
                     @heard;
        is_deeply([sort keys %offset], [1, 2], 'in one order');
    }

    my $res = served($second, PUT => "/api/auctions/$round-a", {
        starting_price => 1000, bid_increment => 100,
        ends_at => (time + 3600) * 1000 });
    is($res->{status}, 201, "$name: an auction");

    for my $ws ($ann, $ben) {
        $ws->send_json('auction:join', { auction_id => "$round-a" }, 'a');
        ok($ws->wait_for('auction:state', undef, 30), 'joined');
    }

    $ann->send_json('auction:bid',
                    { auction_id => "$round-a", amount => 1100 });
    ok($ben->wait_for('auction:new_bid', undef, 30), 'a bid is heard');
    $ben->send_json('auction:bid',
                    { auction_id => "$round-a", amount => 1200 });
    ok($ann->wait_for('auction:outbid', undef, 30), 'who is outbid knows');

    return ($ann, $ben, @ids);
}


# Names of the conversations' channels, wherever their slots are.

sub listed {
    my ($nginx) = @_;
    my $res = ask($nginx, GET => '/api/channels?prefix=conversation:');
    return [sort map { $_->{channel} } @{$res->{json}{channels} || []}];
}


# A master dies: the connections stay, and what was said is there.

sub master_dies {
    my ($name, $kill, $instances, $ann, $ben, @ids) = @_;

    $kill->();
    ok($_->wait_until(sub { !healthy($_) }, 60), "$name: degraded")
        for @$instances;
    ok($_->wait_until(sub { healthy($_) }, 60), "$name: well again")
        for @$instances;

    for my $id (@ids) {
        $instances->[0]->wait_until(sub {
            says($ann, $id, "later in $id");
            my $answer = $ann->wait_for(qr/./, sub {
                ($_[0]{id} // '') eq "say-later in $id" }, 10);
            return $answer && $answer->{type} eq 'ack';
        }, 60);
        ok(hears($ben, "later in $id"), "$name: $id goes on");
    }

    my $res = served($instances->[1], GET => "/api/conversations/$ids[0]");
    is($res->{status}, 200, "$name: documents are there");
}


# The numbers that instances have in their ids, from who has the register.

sub numbers {
    for my $redis (@_) {
        my $register = eval { $redis->call(HGETALL => 'rtprop:{$workers}:n') };
        next if ref $register ne 'ARRAY' || !@$register;

        my %register = @$register;
        return [sort grep { /^\d+$/ } keys %register];
    }

    return [];
}


sub both {
    my ($name, $url, $kill, @redis) = @_;
    my @instances = map {
        rtprop_nginx(workers => 2, location => 'rtprop_rate message off;',
            prefix => "rtprop_engine redis;\nrtprop_redis $url $options;\n")
    } 1, 2;

    ok($_->wait_until(sub { healthy($_) }, 60), "$name: healthy")
        for @instances;
    my @clients = as_one($name, @instances, 'r1');
    is_deeply(listed($_), [map { "conversation:r1-c$_" } 1 .. 6],
              "$name: all channels are listed, once") for @instances;

    my $numbers = numbers(@redis);
    is(scalar @$numbers, 2, "$name: two instances have two numbers");
    master_dies($name, $kill, \@instances, @clients);
    as_one($name, reverse(@instances), 'r2');
    is_deeply(numbers(@redis), $numbers, "$name: they keep them");

    $_->allow(@away) for @instances;
}


# a cluster

{
    my ($masters, $replicas) = RTProp::Redis->cluster(3, 1);

    both('cluster', 'cluster://127.0.0.1:' . $masters->[1]->port,
         sub { $masters->[0]->kill }, @$masters, @$replicas);
}


# Sentinels

{
    my $master = RTProp::Redis->new->start;
    my $replica = RTProp::Redis->new(replica_of => $master)->start;
    my @sentinels = map {
        RTProp::Redis->new(sentinel => 1, conf => <<"END")->start;
sentinel monitor main 127.0.0.1 $master->{port} 2
sentinel down-after-milliseconds main 1000
sentinel failover-timeout main 5000
END
    } 1 .. 3;

    for my $sentinel (@sentinels) {
        ok($sentinel->wait_until(sub {
            my %main = @{$sentinel->call(SENTINEL => 'MASTER', 'main') || []};
            return $main{'num-other-sentinels'} == 2
                   && $main{'num-slaves'} == 1;
        }, 60), 'a Sentinel knows the others');
    }

    both('Sentinel', 'sentinel://' . join(',', map { '127.0.0.1:' . $_->port }
                                               @sentinels) . '/main',
         sub { $master->kill },
         $master, $replica);
}

done_testing();
