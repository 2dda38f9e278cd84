#!/usr/bin/perl

# PostgreSQL hangs while nobody asks it anything: each connection of each
# worker is noticed to be dead all the same, before somebody needs it.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Postgres;
use RTProp::Test;

my $pg = RTProp::Postgres->new;
$pg->start;
$pg->migrate;

my $nginx = rtprop_nginx(workers => 2, allow => [qr/PostgreSQL, the/],
    prefix => 'rtprop_postgres "' . $pg->conninfo . '" timeout=1s;');

sub stand {
    return $nginx->wait_until(sub {
        http()->get('/metrics')->{body} =~ /^rtprop_store_up 2$/m
    }, 30);
}

ok(stand(), 'both workers have their connections');
$pg->pause;

for my $name (qw(reading writing)) {
    ok($nginx->wait_until(sub {
        2 == (() = $nginx->log =~ /the $name connection: timed out: no answer/g)
    }, 30), "the $name connections are given up");
}

$pg->resume;
ok(stand(), 'and made again');

done_testing();
