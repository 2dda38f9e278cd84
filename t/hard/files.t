#!/usr/bin/perl

# No more files, no more connections: who is in goes on, who comes later comes
# in when there is room again.

use strict;
use warnings;

use IO::Select;

use lib 't/lib', 't/hard';
use Hard;
use RTProp::Test;


# Fills the server with sockets that say nothing, watches who is in meanwhile.

sub filled {
    my ($name, $n, $wall, $nginx) = @_;

    rounds($name, sub {
        my $witness = witness();
        my $inside = client(user => 'inside');
        my $from = $nginx->log_size;
        my @sockets = raw_sockets($n, sub { '' });

        ok(until_true(sub { $wall->($from, @sockets) }),
           "$name: the wall is there");
        ok($inside->fence, "$name: who is in is answered");

        close $_ for splice @sockets, 0, $n / 2;
        close $_ for @sockets;

        my $late;
        ok(until_true(sub {
            $late->drop if $late;
            $late = eval { client(user => 'late', welcome => 0,
                                  timeout => 5) };
            return $late && $late->status == 101;
        }), "$name: later ones come in");

        ok($late->wait_for('welcome'), "$name: and are welcome");
        $_->close for $inside, $late;
        served($witness, $name);
    });
}


{
    my $nginx = serve(workers => 1, main => 'worker_rlimit_nofile 300;',
        connections => 1000,
        allow => [qr/accept4?\(\) failed \(24: Too many open files\)/,
                  qr/exceed open file resource limit/]);

    filled('files', 400, sub {
        return substr($nginx->log, $_[0]) =~ /accept4?\(\) failed \(24:/;
    }, $nginx);
}

{
    my $nginx = serve(workers => 1, connections => 100,
        allow => [qr/\d+ worker_connections are not enough/]);

    # nginx ends silent ones for those that come later
    filled('connections', 200, sub {
        my ($from, @sockets) = @_;
        return IO::Select->new(@sockets)->can_read(0) > 50;
    }, $nginx);
}

# WebSocket clients instead of silent sockets: one too many is turned away.

{
    my $nginx = serve(workers => 1, connections => 100,
        allow => [qr/\d+ worker_connections are not enough/]);

    rounds('clients', sub {
        my $witness = witness();
        my @in;

        for my $i (1 .. 150) {
            my $ws = eval { client(user => "c$i", welcome => 0,
                                   timeout => 5) } or last;
            last if $ws->status != 101;
            push @in, $ws;
        }

        cmp_ok(scalar @in, '>', 50, 'clients: as many as there is room for');
        cmp_ok(scalar @in, '<', 100, 'clients: and no more');
        is(scalar(grep { $_->fence } @in), scalar @in,
           'clients: nobody is put out for another one');

        $_->drop for @in;
        my $late;
        ok(until_true(sub {
            $late = eval { client(user => 'late', welcome => 0,
                                  timeout => 5) };
            return $late && $late->status == 101;
        }), 'clients: later ones come in');
        $late->close;
        served($witness, 'clients');
    });
}

done_testing();
