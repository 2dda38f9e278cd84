#!/usr/bin/perl

# A worker that gets the processor late, while it asks where its channels stand:
# Redis' silence and its own tick are due in one and the same turn of its loop.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Chat;
use RTProp::Hold;
use RTProp::Redis;
use RTProp::Test;

my $redis = RTProp::Redis->new->start;
my $hold = RTProp::Hold->new(to => $redis->socket);
my $nginx = rtprop_nginx(workers => 2, reuseport => 1,
    http => "rtprop_zone rtprop 16m;\nrtprop_engine redis;\n"
            . 'rtprop_redis unix:' . $hold->socket . " timeout=500ms;\n",
    location => 'rtprop_rate other off; rtprop_rate message off;');
$nginx->allow(qr/rtprop: Redis "\S+" is away: no reply in 500 ms/);

my ($one, $other) = $nginx->workers;
my $workers = 'rtprop:{$workers}';

sub name {
    my ($pid) = @_;
    my ($name) = grep { /^\w+\.\d+\.$pid\./ }
                 @{$redis->call(ZRANGE => "$workers:z", 0, -1)};
    return $name;
}

sub lease { $redis->call(ZSCORE => "$workers:z", name($_[0])) }

conversation('c1', qw(ann ben));
my $ann = client(user => 'ann', worker => $one);
joins($ann, 'c1');
ok(says($ann, 'c1', 'one'), 'a channel has a place');


# taken for dead it asks for places at once, when its tick is answered; it
# sleeps before it is told where they are

$hold->catch('\{conversation:c1\}:c');
$redis->call(HSET => "$workers:r", name($one), 'somebody');
ok($hold->caught, 'it asks, and is not answered');
kill STOP => $one;

my $lease = lease($other);
ok($nginx->wait_until(sub { lease($other) > $lease + 2500 }),
   'time goes by for the other one');
kill CONT => $one;

ok($nginx->wait_until(sub {
    $nginx->log =~ /$one#\d+: rtprop: Redis "\S+" is away: no reply/
}), 'it finds that Redis was silent');
$hold->release;
$redis->call(DEL => "$workers:r");

ok($nginx->wait_until(sub {
    my $again = client(user => 'ben', worker => $one) or return 0;
    my $answer = asks($again, 'chat:join', { conversation_id => 'c1' });
    $again->close;
    return $answer && $answer->{type} eq 'chat:joined';
}), 'and goes on');

ok(says($ann, 'c1', 'two'), 'who is there is heard');
is_deeply([sort $nginx->workers], [sort $one, $other], 'the same worker');

done_testing();
