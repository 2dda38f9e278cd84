#!/usr/bin/perl

# Ids grow, and tell workers apart: those of one machine, and those of several
# that know nothing of one another but are busy at the same moment.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Chat;
use RTProp::Test;

# the part of an id that is its worker's; that a number of Redis' register is
# not sure ends at some time
use constant WORKER => 0xff7f;

my $nginx = rtprop_nginx(workers => 2, reuseport => 1,
    http => "rtprop_zone rtprop 16m;\nrtprop_drain 0;\n",
    location => 'rtprop_rate message off; rtprop_rate other off;');
my %machines;

for my $start (1 .. 4) {
    my (@all, %workers);

    conversation('c', qw(ann ben));

    my ($here, $there) = $nginx->workers;
    my ($ann, $ben) = map { client(user => $_->[0], worker => $_->[1]) }
                      [ann => $here], [ben => $there];
    joins($_, 'c') for $ann, $ben;

    for my $n (1 .. 20) {
        for my $ws ($ann, $ben) {
            my $id = says($ws, 'c', "$start $n")->{payload}{id};
            push @all, $id;
            $workers{$ws}{$id & WORKER} = 1;
        }
    }

    is_deeply(\@all, [sort { $a <=> $b } @all], "start $start: ids grow");
    is_deeply([map { scalar keys %$_ } values %workers], [1, 1],
              'each worker has its own part in its ids');
    isnt((map { keys %$_ } values %workers)[0, 1], 'which another one has not');

    $machines{(map { keys %$_ } $workers{$ann})[0] & 0x17f} = 1;

    $nginx->stop;
    $nginx->start if $start < 4;
}

cmp_ok(keys %machines, '>', 1, 'machines differ, too');

done_testing();
