#!/usr/bin/perl

# Another nginx takes over the sockets (USR2, as packages do when they are
# upgraded), and the former one leaves: nobody is refused.  With Redis nothing
# is missed; without, the new one begins with an empty zone, and says so.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Chat;
use RTProp::Redis;
use RTProp::Test;

my %masters;

END { kill KILL => grep { -d "/proc/$_" } keys %masters }


# Those that end are workers, too, but do not count.

sub workers {
    my ($master, $ending) = @_;
    my $title = $ending ? qr/^nginx: worker/
                        : qr/^nginx: worker process[\0 ]*$/;

    return grep { RTProp::Nginx::slurp("/proc/$_/cmdline") =~ $title }
           split ' ',
           RTProp::Nginx::slurp("/proc/$master/task/$master/children");
}

# The master that the file names, once it is another one, and serves.

sub master {
    my ($nginx, $former) = @_;
    my $pid;

    ok($nginx->wait_until(sub {
        ($pid) = RTProp::Nginx::slurp($nginx->prefix . '/nginx.pid')
                 =~ /^(\d+)$/m;
        return $pid && $pid != $former && workers($pid) == 2;
    }), 'it serves');

    $masters{$pid} = 1;
    return $pid;
}

sub gone {
    my ($nginx, $pid) = @_;
    return $nginx->wait_until(sub { !RTProp::Nginx::running($pid) }, 20);
}

sub resume {
    my ($ws, $place) = @_;
    my $answer = asks($ws, 'resume', { channels => {
        'conversation:c1' => { map { $_ => $place->{$_} } qw(epoch offset) }
    } });

    return $answer->{payload}{channels}{'conversation:c1'};
}


for my $redis (RTProp::Redis->new->start, undef) {
    my $name = $redis ? 'Redis' : 'embedded';
    # what "make asan" has told the first master holds for the other one
    my $nginx = rtprop_nginx(workers => 2, redis => $redis,
                             main => join('', map { "env $_;\n" } qw(LD_PRELOAD
                                          ASAN_OPTIONS LSAN_OPTIONS
                                          UBSAN_OPTIONS)),
                             location => 'rtprop_rate message off;');

    # one that runs in the foreground takes no USR2

    my $foreground = $nginx->master_pid;
    $nginx->stop;
    system(RTProp::Nginx::binary(), $nginx->arguments, '-g', 'daemon on;');
    my $former = master($nginx, $foreground);

    conversation('c1', qw(ann ben));
    my $ann = client(user => 'ann');
    my $joined = joins($ann, 'c1');
    my $place = { epoch => $joined->{epoch},
                  offset => says($ann, 'c1', 'one')->{offset} };

    kill USR2 => $former;
    my $other = master($nginx, $former);
    is(scalar workers($former), 2, "$name: beside the former one");

    kill WINCH => $former;
    is(($ann->wait_close)[0], 1012, 'which sends its clients away');
    ok($nginx->wait_until(sub { !workers($former, 1) }, 20), 'and has none');

    $ann = client(user => 'ann');
    my $resumed = resume($ann, $place);

    if ($redis) {
        is($resumed->{recovered}, true, 'they come back, and miss nothing');
    } else {
        is($resumed->{code}, 'not_found',
           'they come back, and nothing is left');
        conversation('c1', qw(ann ben));
        joins($ann, 'c1');
    }

    my $ben = client(user => 'ben');
    joins($ben, 'c1');
    ok(says($ann, 'c1', 'two'), 'it goes on');
    ok(gets($ben, 'two'), 'for all');

    kill QUIT => $former;
    ok(gone($nginx, $former), 'the former one ends');
    ok(says($ben, 'c1', 'three') && gets($ann, 'three'), 'nobody notices');

    kill QUIT => $other;
    is(($_->wait_close)[0], 1012, 'the other one ends like any') for $ann, $ben;
    ok(gone($nginx, $other), 'and leaves');
}

done_testing();
