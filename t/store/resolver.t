#!/usr/bin/perl

# Names of hosts: asked of nginx's resolver with each connection, so that a
# database is found where it has moved to.  A host that is silent is not the
# only one that is tried.

use strict;
use warnings;

use FindBin qw($Bin);
use lib "$Bin/../lib", $Bin;

use IO::Socket::INET;
use Test::More;

use RTProp::Names;
use RTProp::Postgres;
use Store;

my $names = RTProp::Names->new;
my $hba = 'host all all 127.0.0.0/8 trust';

# two servers on the same port of two addresses

my @pg = map {
    RTProp::Postgres->new(hba => $hba,
                          conf => "listen_addresses = '127.0.0.$_'");
} 1, 2;
$pg[1]{port} = $pg[0]->port;

for my $pg (@pg) {
    $pg->start;
    $pg->migrate;
    $pg->sql(Store::SCHEMA());
}

$pg[$_]->sql("SELECT probe.put(1, 'here is $_', false)") for 0, 1;


sub start {
    my ($hosts, %opt) = @_;

    return Store->start(pg => $pg[0], http => $names->resolver,
        options => 'connect_timeout=1s grace=100ms timeout=1s',
        conninfo => "host=$hosts dbname=postgres user=postgres", %opt);
}


# What is read there, once it is ok again.

sub here {
    my ($store) = @_;
    my $value;

    $store->nginx->wait_until(sub {
        ($value) = $store->call('/get?id=1') =~ /value=here is (\d)/;
        return defined $value;
    }, 60);

    return $value;
}


my $port = $pg[0]->port;

$names->set('db.test' => 'none');
my $store = start("db.test port=$port");
ok($store->wait_status(qr/^its name was not found$/), 'a name that is unknown');

$names->set('db.test' => 'silent');
ok($store->wait_status(qr/^timed out|its name was not found$/),
   'a name server that is silent');

$names->set('db.test' => '127.0.0.1');
is($store->wait_status(qr/^ok$/), 'ok', 'a name that is known');
is(here($store), 0, 'it serves');

# a failover: the name leads elsewhere

$names->set('db.test' => '127.0.0.2');
$pg[0]->kill;
is(here($store), 1, 'the next connection goes where the name leads now');
is($store->wait_status(qr/^ok$/), 'ok', 'all of them');

# and back; one of its addresses is wrong

$names->set('db.test' => '127.0.0.3 127.0.0.1');
$pg[0]->start;
$pg[1]->kill;
is(here($store), 0, 'one of several addresses is right');

# a worker that ends while it asks

$names->set('db.test' => 'silent');
$pg[0]->kill;
$store->wait_status(qr/^(?!ok$)/);
is_deeply([grep { !/could not be resolved/ } $store->stop], [],
          'nothing unexpected in the log');


# one that quits does not wait for the answer

$store = start("db.test port=$port", options => 'connect_timeout=1m');
is($store->status, 'connecting', 'a name that nobody tells');
ok($store->nginx->stop('QUIT'), 'nobody waits for it at the end');
is_deeply([$store->nginx->bad_lines], [], 'nothing unexpected in the log');


# one of several names is not known

$pg[0]->start;
$names->set('db.test' => 'none');
$store = start("db.test,127.0.0.1 port=$port");
is($store->wait_status(qr/^ok$/), 'ok', 'another host is');
is(here($store), 0, 'it serves');
is_deeply([grep { !/could not be resolved/ } $store->stop], [],
          'nothing unexpected in the log');


# a host that takes connections and says nothing

my $silent = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 100)
    or die $!;
$store = start('127.0.0.1,127.0.0.1 port=' . $silent->sockport . ",$port",
               http => '');
is($store->wait_status(qr/^ok$/), 'ok', 'the next host is tried');
is(here($store), 0, 'it serves');
is_deeply([$store->stop], [], 'nothing unexpected in the log');

done_testing;
