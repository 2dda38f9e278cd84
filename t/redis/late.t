#!/usr/bin/perl

# A worker that gets the processor late: Redis' silence and its own tick are
# due in one and the same turn of its loop.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Chat;
use RTProp::Redis;
use RTProp::Test;

my $redis = RTProp::Redis->new->start;
my $nginx = rtprop_nginx(workers => 2, reuseport => 1,
    http => "rtprop_zone rtprop 16m;\nrtprop_engine redis;\n"
            . "rtprop_presence_lease 3s;\n"
            . 'rtprop_redis ' . $redis->url . " timeout=500ms;\n",
    location => 'rtprop_rate other off; rtprop_rate message off;');
$nginx->allow(qr/rtprop: Redis "\S+" is away: /);

my @rooms = map { "r$_" } 1 .. 3;
my ($one, $other) = $nginx->workers;

conversation($_, qw(ann ben)) for @rooms;

my $ann = client(user => 'ann', worker => $one);
my $ben = client(user => 'ben', worker => $other);

joins($ann, $rooms[0]);
joins($ben, $rooms[0]);


# Whoever joins is on his way into Redis when it falls silent; the worker sleeps
# until the other one, which is awake, has found that out and tried again.

$redis->pause;
$_->send_json('chat:join', { conversation_id => $rooms[1] }) for $ann, $ben;
$ann->close;
kill STOP => $one;

ok($nginx->wait_until(sub {
    my $n = () = $nginx->log =~ /no reply in 500 ms/g;
    return $n >= 2;
}), 'Redis is silent');

kill CONT => $one;
$redis->resume;

# who comes while it finds its place again may be sent away

ok($nginx->wait_until(sub {
    my $again = client(user => 'ann', worker => $one) or return 0;
    my $answer = asks($again, 'chat:join', { conversation_id => $rooms[2] });
    $again->close;
    return $answer && $answer->{type} eq 'chat:joined';
}), 'the worker goes on');

is_deeply([sort $nginx->workers], [sort $one, $other], 'the same one');


done_testing();
