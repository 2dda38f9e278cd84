#!/usr/bin/perl

# A work that is asked for once more in its own done(), and cannot be sent then.

use strict;
use warnings;

use FindBin qw($Bin);
use lib "$Bin/../lib", $Bin;

use Test::More;

use Store;

my $store = Store->start(
    http => 'rtprop_query probe_late "SELECT nothing FROM probe.lost";');
ok($store->wait_status(qr/probe_late/), 'a query is not usable');

my ($worker) = $store->nginx->workers;
my $read = 'rc=-1 rows=0 retried=0 state= ';

$store->call('/put?id=1&value=one');
is($store->call('/again?id=1'), $read, 'a read fails when it is read again');
is($store->call('/again?id=1&write=1'), $read, 'so does a write');
is($store->call('/get?id=1'), 'rc=0 rows=1 retried=0 state= value=one',
   'others are served');
is(($store->nginx->workers)[0], $worker, 'by the same worker');

is_deeply([$store->stop], [], 'nothing unexpected in the log');

done_testing;
