#!/usr/bin/perl

# A connection joins a thousand channels, its user's own one among them.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Chat;
use RTProp::Test;

my $nginx = rtprop_nginx(location => 'rtprop_rate other off;');
my @ids = map { "c$_" } 1 .. 1000;
conversation($_, 'ann') for @ids;
my $ann = client(user => 'ann');

sub all_joined {
    return scalar grep { $_->{type} eq 'chat:joined' } $ann->events;
}

for my $round (0 .. 9) {
    my $sent = 0;
    my @part = @ids[$round * 100 .. $round * 100 + 99];
    pop @part if $round == 9;

    for my $some (@part[0 .. 49], undef, @part[50 .. $#part], undef) {
        if ($some) {
            $ann->send_json('chat:join', { conversation_id => $some }, $some);
            $sent++;

        } else {
            $nginx->wait_until(sub { $ann->fence && all_joined() >= $sent });
        }
    }

    is(all_joined(), scalar(@part), "round $round");
    $ann->clear;
}

error_is($ann, 'chat:join', 'c1000', 'unavailable', 'one more');
is(asks($ann, 'chat:join', 'c999')->{type}, 'chat:joined', 'joining again');
is(asks($ann, 'chat:leave', 'c5')->{type}, 'ack', 'one is left');
is(asks($ann, 'chat:join', 'c1000')->{type}, 'chat:joined', 'and another fits');

my $channels = api(GET => '/api/channels/conversation:c7')->{json};
is($channels->{subscribers}, 1, 'all are counted');
$ann->close;
ok($nginx->wait_until(sub {
       api(GET => '/api/channels/conversation:c7')->{status} == 404
   }), 'and gone with the connection');


done_testing();
