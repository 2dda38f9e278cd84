#!/usr/bin/perl

# PostgreSQL is in trouble as a whole, as when its disk is full: what it refuses
# is unavailable, health says why, and the log says it once.

use strict;
use warnings;

use lib 't/lib', 't/store';
use Store;
use Test::More;

my $store = Store->start;
like($store->wait_status(qr/^ok$/), qr/^ok$/, 'it stands');

sub refuses {
    my ($code) = @_;
    $store->sql(<<"END");
CREATE OR REPLACE FUNCTION probe.fail(id bigint) RETURNS void
LANGUAGE plpgsql AS
    'BEGIN RAISE EXCEPTION ''no space'' USING ERRCODE = ''$code''; END';
END
}

sub told {
    my ($code) = @_;
    return [$store->nginx->log =~ /\[(\w+)\] [^\n]*: no space \($code\)$/mg];
}

for (['53100', 'disk full'], ['53200', 'out of memory'],
     ['53400', 'out of resources'], ['58030', 'system error'])
{
    my ($code, $status) = @$_;

    refuses($code);
    is($store->call('/run?query=probe_fail&id=5&write=1'),
       "rc=-1 rows=0 retried=0 state=$code ", "$status: unavailable");
    is($store->call('/run?query=probe_fail&id=5'),
       "rc=-1 rows=0 retried=0 state=$code ", 'to read, too');
    # who listens may connect just now
    is($store->wait_status(qr/^\Q$status\E$/, 8), $status,
       'which the status says');
    is_deeply(told($code), [qw(error info)], 'and the log, once');
    like($store->call('/puts?from=1&n=10&value=v'), qr/^ok=10 /,
         'the rest goes on');
}

refuses('RT001');
is($store->call('/run?query=probe_fail&id=5'),
   'rc=-5 rows=0 retried=0 state=RT001 ', 'a refusal of its own');
$store->call('/run?query=probe_fail&id=5');
is_deeply(told('RT001'), [qw(error error)], 'is told each time');
like($store->wait_status(qr/^ok$/), qr/^ok$/, 'all is well after a while');

done_testing();
