#!/usr/bin/perl

# rtprop_batch: events to a client that asked for it come several to a frame.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Test;

my $nginx = rtprop_nginx(server => <<'END');
    rtprop_jwt_key jwt.key;
    location /ws { rtprop native; rtprop_batch 300ms; }
    location /long { rtprop native; rtprop_batch 10s; }
    location /never { rtprop native; }
    location /api/ { rtprop api; rtprop_api_key api.key; }
END


sub publish {
    my ($user, @numbers) = @_;
    my $res = api(POST => '/api/publish', [map {
        { channel => "user:$user", type => 'x:n', payload => { n => $_ } }
    } @numbers]);
    is($res->{status}, 200, 'published') or diag($res->{body});
}


sub numbers { map { $_->{payload}{n} } @{$_[0]{payload}} }


my $ws = client(user => 'a', query => { batch => 1 });
is($ws->{welcome}{type}, 'welcome', 'welcome comes alone');

publish('a', 1 .. 3);
publish('a', 4);

my $batch = $ws->wait_for('batch');
is_deeply([numbers($batch)], [1 .. 4], 'four events in a frame, in order');
is_deeply([sort keys %$batch], ['payload', 'type'], 'the batch itself');
is_deeply([sort keys %{$batch->{payload}[0]}],
          [qw(channel offset payload type)], 'each is whole');

publish('a', 5);
is_deeply([numbers($ws->wait_for('batch'))], [5], 'and one');

# an answer does not wait, nor does it overtake

my $long = client(user => 'b', path => '/long', query => { batch => 1 });
publish('b', 1, 2);

my $other = client(user => 'b', path => '/never', query => { batch => 1 });
publish('b', 3);
ok($other->wait_for('x:n'), 'not offered: no batch');

$long->send_json('ping', undef, 9);
is($long->wait_for('pong')->{id}, 9, 'an answer comes at once');
is_deeply([numbers($long->wait_for('batch'))], [1 .. 3],
          'behind what was collected');

publish('b', 4);
ok($other->wait_for('x:n', sub { $_[0]{payload}{n} == 4 }), 'it is there');
$long->fence;
ok(!(grep { $_->{type} eq 'batch' } $long->events), 'still collected');

publish('b', map { $_ } 5 .. 60);
my @padded = map {
    { channel => 'user:b', type => 'x:n',
      payload => { n => $_, text => 'x' x 3000 } }
} 61 .. 100;
is(api(POST => '/api/publish', \@padded)->{status}, 200, 'much');

my @got;
while (@got < 64 && (my $some = $long->wait_for('batch'))) {
    cmp_ok(length(JSON::PP::encode_json($some)), '<', 80_000,
           'a batch is bounded');
    push @got, numbers($some);
}

is_deeply(\@got, [4 .. 3 + @got], 'all in order');

# what was collected goes out before a closing by the server

$long->send_binary('x');
my @rest;
while (my $some = $long->wait_for('batch')) {
    push @rest, numbers($some);
}

is_deeply([@got, @rest], [4 .. 100], 'and the rest');
is($long->{close_code}, 1003, 'before the close frame');

done_testing();
