#!/usr/bin/perl

# A worker with a database ends: the engine below it says so to others, at once.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Postgres;
use RTProp::Redis;
use RTProp::Test;

my $pg = RTProp::Postgres->new;
$pg->start;
$pg->migrate;

my $redis = RTProp::Redis->new;
$redis->start;

my $nginx = rtprop_nginx(workers => 1, prefix => "rtprop_engine redis;\n"
    . 'rtprop_redis ' . $redis->url . ";\n"
    . 'rtprop_postgres "' . $pg->conninfo . '";');

# Names of living workers: each has a time until which it lives.

sub living {
    my @names = @{$redis->call(ZRANGE => 'rtprop:{$workers}:z', 0, -1)};
    return grep { $redis->call(ZSCORE => 'rtprop:{$workers}:z', $_) > 0 }
           @names;
}

for my $signal (qw(QUIT TERM)) {
    ok($nginx->wait_until(sub { living() == 1 }), 'a worker lives');
    my $ann = client(user => 'ann');
    $nginx->stop($signal);
    is(scalar living(), 0, "$signal: it does not any more");
    $nginx->start if $signal eq 'QUIT';
}

done_testing();
